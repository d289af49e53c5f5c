"""The generate family on whole strands: a segment model proposes loci, and each is read and annotated."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from genescribe.data.batching import pack
from genescribe.errors import InputError
from genescribe.evidence.junctions import Hint, Junctions
from genescribe.evidence.table import EvidenceTable
from genescribe.files import sha256
from genescribe.generate.annotation.annotate import Annotator, LocusResult, LocusWindow
from genescribe.generate.loci.hint_flags import oriented
from genescribe.generate.loci.tiles import genes_apart
from genescribe.generate.model import SentenceModel, load_model, read_config
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Interval
from genescribe.genome.strand import GenomeStrand, Reject, StrandCodes
from genescribe.predict.config import PredictConfig
from genescribe.predict.interface import (
    EVIDENCE,
    Halves,
    PredictedTranscript,
    Rows,
    StrandPrediction,
    StrandPredictor,
    StrandRows,
    read_all,
)
from genescribe.predict.stretches import Piece
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.train.model_files import CONFIG, WEIGHTS

LOCI_AT_ONCE, LOCI_ON_GPU = 16, 64
"""Loci that are written together."""


class GeneratePredictorFactory:
    """The model of a folder, loaded where it is called.

    Parameters
    ----------
    folder
        Folder of a trained model, with the segment model that proposes loci in it.
    device
        auto, cpu or cuda.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        self.folder, self.config = folder, read_config(folder)
        if self.config.segment is None:
            raise InputError(
                "nothing here proposes loci",
                where=folder,
                remedy="train with model.segment, or give loci to scripts/run_genome_annotation.py",
            )
        self.proposer = SegmentPredictorFactory(Path(self.config.segment), device)
        self.device, self.grain = self.proposer.device, self.proposer.grain
        self._code: int | None = None
        self.evidence: Path | None = None

    def __call__(self, worker: int = 0) -> GeneratePredictor:
        """Load both models."""
        model = load_model(self.folder).to(self.proposer.device_of(worker))
        if self._code is not None:
            sentences = cast(SentenceModel, model)
            sentences.config = replace(sentences.config, genetic_code=self._code)
        # On GPUs too: in bf16 some steps would be others than on the CPU, and genes with them.
        annotator = Annotator(model, precision="fp32")
        junctions = Junctions(None if self.evidence is None else EvidenceTable.load(self.evidence))
        return GeneratePredictor(annotator, self.proposer(worker), junctions)

    def halves(self) -> Halves | None:
        """Return this reading and writing on each GPU, and the proposing model on the CPU to go over strands."""
        halves = self.proposer.halves()
        return None if halves is None else Halves(self, halves.finisher, halves.readers, writes=True)

    def with_evidence(self, folder: Path) -> GeneratePredictorFactory:
        """Return this with the introns of a folder of evidence; the model that proposes loci reads none."""
        if self.config.hints is None:
            raise InputError(
                "the model reads no evidence", where=self.folder, remedy="leave it out, or train one with model.hints"
            )
        alike = copy.copy(self)
        alike.evidence = folder
        return alike

    def for_genome(self, genome: Genome, pieces: Sequence[Piece], species: str) -> GeneratePredictorFactory:
        """Return this with the parameters of a species in the model that proposes loci.

        For the arguments see `PredictorFactory.for_genome`.
        """
        alike = copy.copy(self)
        alike.proposer = self.proposer.for_genome(genome, pieces, species)
        return alike

    def recoded(self, code: int) -> GeneratePredictorFactory:
        """Return this reading with another genetic code."""
        alike = copy.copy(self)
        alike.proposer, alike._code = self.proposer.recoded(code), code
        return alike

    def genetic_code(self, seqid: str = "") -> GeneticCode:
        """Return the model's genetic code."""
        del seqid
        return GeneticCode.from_table(self._code or self.config.genetic_code)

    def provenance(self) -> dict[str, Any]:
        """Return the family, the form and digests of the model's two files."""
        return {
            "model": f"generate ({self.config.architecture})",
            "model-config-sha256": sha256(self.folder / CONFIG),
            "model-weights-sha256": sha256(self.folder / WEIGHTS),
            **({} if self._code is None else {"genetic-code": str(self._code)}),
            **({} if self.evidence is None else {EVIDENCE: EvidenceTable.load(self.evidence).digest()}),
        }

    def statistics(self) -> dict[str, Any]:
        """Return statistics of the genes of the proposing model's training genomes."""
        return self.proposer.statistics()


class GeneratePredictor:
    """Genes of a strand, all isoforms."""

    def __init__(self, annotator: Annotator, proposer: StrandPredictor, junctions: Junctions | None = None) -> None:
        self.annotator, self.proposer, self._junctions = annotator, proposer, junctions or Junctions()

    def _hints(self, codes: StrandCodes, low: int, high: int) -> tuple[Hint, ...]:
        """Return the introns within ``[low, high)`` of a strand that evidence supports, in its orientation."""
        if not len(self._junctions):
            return ()
        assert isinstance(codes, GenomeStrand)
        seqid, start, end, strand = codes.place
        if strand == "-":
            low, high = len(codes) - high, len(codes) - low
        hints = self._junctions.within(seqid, start + low, start + high)
        turned = oriented(hints, strand, start, end)
        return tuple(turned)

    def read(self, codes: StrandCodes, start: int, end: int) -> Rows:
        """Return the proposing model's scores of the bases ``[start, end)``; see `StrandPredictor.read`."""
        return self.proposer.read(codes, start, end)

    def read_all(self, strands: Sequence[StrandCodes]) -> list[Rows]:
        """Return the proposing model's scores of short strands; see `genescribe.predict.interface.read_all`."""
        return read_all(self.proposer, strands)

    def finish(self, codes: StrandCodes, rows: StrandRows, config: PredictConfig) -> StrandPrediction:
        """Return the genes on `codes`; a locus of which nothing could be written is among the rejects.

        For the arguments see `StrandPredictor.finish`.
        """
        return self.write([codes], [self.proposer.finish(codes, rows, replace(config, posteriors=False))])[0]

    @torch.no_grad()
    def write(self, strands: Sequence[StrandCodes], proposed: Sequence[StrandPrediction]) -> list[StrandPrediction]:
        """Return the genes on each strand: loci of all of them are written together.

        For the arguments see `genescribe.predict.interface.BatchWriter`.
        """
        by_strand = [self._loci(codes, proposals) for codes, proposals in zip(strands, proposed, strict=True)]
        loci = [locus for strand_loci in by_strand for locus in strand_loci]
        results: dict[int, LocusResult] = {}
        lengths = np.array([len(locus.codes) for locus in loci], dtype=np.int64)
        most = LOCI_ON_GPU if self.annotator.device.type == "cuda" else LOCI_AT_ONCE
        for batch in pack(lengths, size=most):
            results |= zip(batch, self.annotator([loci[i] for i in batch]), strict=True)
        ordered = (results[number] for number in range(len(loci)))
        return [
            _genes(proposals.rejects, mine, [next(ordered) for _ in mine])
            for proposals, mine in zip(proposed, by_strand, strict=True)
        ]

    def _loci(self, codes: StrandCodes, proposed: StrandPrediction) -> list[LocusWindow]:
        """Return where a strand's genes were proposed, with bases around."""
        spans = joined([(p.transcript.start, p.transcript.end) for p in proposed.transcripts])
        flank, size = self.annotator.config.flank, len(codes)
        loci = []
        for number, (start, end) in enumerate(spans):
            low, high = max(0, start - flank), min(size, end + flank)
            hints = self._hints(codes, low, high)
            loci.append(LocusWindow(str(number), "", start, end, "+", low, codes[low:high], hints=hints))
        return loci


def _genes(rejects: Sequence[Reject], loci: Sequence[LocusWindow], results: Sequence[LocusResult]) -> StrandPrediction:
    """Return the genes and rejects of the loci of a strand."""
    prediction, count = StrandPrediction(rejects=list(rejects)), 0
    for locus, result in zip(loci, results, strict=True):
        if result.gene is None:
            prediction.rejects.append(Reject(locus.start, locus.end, f"locus: {result.reason}"))
            continue
        for gene in genes_apart(result.gene):
            for transcript in gene.transcripts:
                odds = cast(float, transcript.score)
                prediction.transcripts.append(PredictedTranscript(transcript, odds, gene=count))
            count += 1
    return prediction


def joined(spans: list[Interval]) -> list[Interval]:
    """Return the stretches that overlapping loci make together, ascending.

    Examples
    --------
    >>> joined([(5, 9), (0, 6), (9, 12)])
    [(0, 9), (9, 12)]
    """
    result: list[Interval] = []
    for start, end in sorted(spans):
        if result and start < result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((start, end))
    return result
