"""Count a model from the predicted genes of a genome.

The model has no network, only counted evidence (content, signals) and counted lengths, with the gains of the model
whose options it has. All genes count: those that are surest are the short ones without introns, and a model of these
alone finds few others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from genescribe.bake.stats import SplitStats
from genescribe.bake.windows import Strand, label_strands
from genescribe.crf.head import SemiCRF
from genescribe.data.runs import cut
from genescribe.data.sample import Sample, WindowMeta
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, shifted
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_rules import GeneRules, SignalTables
from genescribe.predict.stretches import Piece
from genescribe.segment.composition.counting import EvidenceCounts
from genescribe.segment.composition.tables import CountedEvidence
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.training.statistics import gene_statistics, run_statistics

_WINDOW = 500_000
"""Bases that are counted at a time, so that memory does not grow with a chromosome."""


class Counted(NamedTuple):
    """A model, and what the genes are like that it was counted from (`statistics.json`)."""

    model: SegmentModel
    statistics: dict[str, Any]


def count_model(config: SegmentModelConfig, genome: Genome, pieces: Sequence[Piece], genes: Sequence[Gene]) -> Counted:
    """Return a model that is counted from genes.

    Parameters
    ----------
    config
        Options of a model with counted evidence, whose rules, gains and sizes are kept; its network is not.
    genome, pieces
        Sequences, and the stretches of them in which genes were predicted.
    genes
        All predicted genes; those that an end of a sequence cuts count neither as genes nor as the space between genes.
    """
    model = SegmentModel(replace(config, species=None, encoder=None, sites=[]))
    scheme, evidence, crf = model.scheme, model.evidence, model.crf
    assert isinstance(scheme, GeneScheme) and isinstance(evidence, CountedEvidence) and isinstance(crf, SemiCRF)
    code, rules = GeneticCode.from_table(config.genetic_code), config.gene or GeneRules()
    counts = EvidenceCounts(evidence, scheme, SignalTables.of(rules, code))
    structure, by_seqid = SplitStats(len(scheme.names)), defaultdict[str, list[Gene]](list)
    for gene in genes:
        by_seqid[gene.seqid].append(gene)
    for piece in pieces:
        codes = genome.codes(piece.seqid, piece.start, piece.end)
        inside = [
            shifted(gene, -piece.start)
            for gene in by_seqid[piece.seqid]
            if piece.start <= gene.start and gene.end <= piece.end
        ]
        cut_off = [(gene.strand, (gene.start, gene.end)) for gene in inside if not is_complete(gene)]
        complete = [gene for gene in inside if is_complete(gene)]
        for strand in label_strands(codes, complete, scheme, code, unknown=cut_off):
            structure.add_region(strand.encoded.runs, 0, len(codes))
            structure.add_window(strand.encoded.runs, slice(0, len(codes)))
            for transcript in strand.encoded.placed.values():
                structure.lengths.add(transcript)
            for sample in _windows(strand, piece, scheme):
                counts.add(sample)
    counted = structure.to_json(scheme.names)
    crf.initialise_from_statistics(run_statistics(counted, scheme.names))
    counts.fill(evidence)
    return Counted(model.eval(), gene_statistics(counted, scheme))


def is_complete(gene: Gene) -> bool:
    """Return whether no end of a sequence cuts a gene."""
    return not any(transcript.partial5 or transcript.partial3 for transcript in gene.transcripts)


def _windows(strand: Strand, piece: Piece, scheme: GeneScheme) -> Iterator[Sample]:
    """Yield a strand in windows of `_WINDOW` bases, without overlap."""
    length = len(strand.codes)
    for start in range(0, length, _WINDOW):
        end = min(start + _WINDOW, length)
        runs = scheme.shifted(cut(strand.encoded.runs, start, end), start)
        meta = WindowMeta("", piece.seqid, strand.strand, start, end, "train", start > 0, end < length)
        yield Sample("", strand.codes[start:end], runs, meta)
