"""A model of a genome without annotation, by self-training: annotate, count a model from the genes, annotate with it.

GeneMark-ES trains itself likewise (Lomsadze et al. 2005, Nucleic Acids Res. 33:6494). Here the first genes are those of
a model that exists, however distant its genomes; all that they need is codons enough that look like the genome's.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from genescribe import __version__
from genescribe.errors import InputError
from genescribe.evaluate.metrics import is_spliced
from genescribe.files import atomic_directory, write_json
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene
from genescribe.genome.organelles import organelles_of
from genescribe.models import CARD, model_folder
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.interface import PredictorFactory
from genescribe.predict.stretches import Piece
from genescribe.segment.adaptation.counting import Counted, count_model, is_complete
from genescribe.segment.adaptation.introns import intron_bits
from genescribe.segment.network.model import STATISTICS, SegmentModel, read_config
from genescribe.segment.prediction.factory import SegmentPredictorFactory, sampled
from genescribe.segment.sites.combine import networks_of
from genescribe.segment.sites.gains import combined, set_gains
from genescribe.segment.training.temperature import CALIBRATION

OPTIONS = "all_genomes"
"""Model whose options, gains among them, the counted model has."""
NETWORK = "eukaryotes"
"""Model whose signal network stands beside the counted model of the last round; rounds with one agree too early."""
GAINS = {"donor": (0.8, 3.0, 0.5), "acceptor": (0.8, 3.0, 0.5), "start": (0.4, 2.0, 0.8), "stop": (0.3, 1.5, 1.0)}
"""Gain, offset and factor of the own score of its signals: the best of five settings on Arabidopsis (docs/sites.md)."""
MOST, STRETCH = 24_000_000, 1_000_000
"""Bases of a genome that are read, and of the stretches of a larger one: more genes tell little more."""
ROUNDS = 10
"""At most."""
ALIKE = 0.85
"""Share of genes that two rounds have in common (F1) at which rounds end: further ones tend to split genes."""
FEWEST = 100
"""Genes that it takes at least, in every round."""
LOST = 1.0
"""Bits by which the ends of introns may be less alike than in another round. Where a model begins to find spurious
introns it learns from them to find more: they multiply, and their ends lose what real ones have in common."""
TEMPERATURE = 3.0
"""Of the probabilities of a counted model: those of genes that it was counted from are far too high."""
_log = logging.getLogger("adapt")


class Round(NamedTuple):
    """One annotation of the genome.

    Attributes
    ----------
    factory
        The model.
    genes
        Predicted genes.
    alike
        Share of the genes that this round and the one before have in common (F1); 0 in the first.
    bits
        How alike the ends of its introns are: `intron_bits`.
    """

    factory: PredictorFactory
    genes: list[Gene]
    alike: float
    bits: float


def pieces_to_read(genome: Genome, pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces of nuclear sequences, or stretches of `MOST` bases spread evenly over them.

    Parameters
    ----------
    genome
        Its descriptions name organelles.
    pieces
        All of it.

    Raises
    ------
    InputError
        It has no known bases, or no other sequences than organelles.
    """
    described = {piece.seqid: genome.description(piece.seqid) for piece in pieces}
    organelles = organelles_of(described)
    nuclear = [piece for piece in pieces if piece.seqid not in organelles]
    if not pieces:
        raise InputError("no stretch of known bases", where=genome.path, remedy="give a genome that is not all N")
    if not nuclear:
        raise InputError("nothing but organelles", where=genome.path, remedy="give the nuclear genome")
    if sum(piece.end - piece.start for piece in nuclear) <= MOST:
        return nuclear
    return [Piece(seqid, start, end, ((start, end),)) for seqid, start, end in sampled(nuclear, MOST, STRETCH)]


def annotate_in_rounds(
    start: PredictorFactory, genome: Genome, pieces: Sequence[Piece], config: PredictConfig, work: Path
) -> Iterator[Round]:
    """Yield the rounds, until the genes hardly change: the first by `start`, each other by a model of the one before.

    They end before a round whose introns are spurious: see `LOST`.

    Parameters
    ----------
    start
        A model, which any evidence of the genome was given to. Its genetic code is that of the models that follow.
    genome, pieces
        The genome, and the stretches to read: `pieces_to_read`.
    config
        Workers, device.
    work
        Folder of models and unfinished work, from which a later call resumes; it is left there.

    Raises
    ------
    InputError
        Fewer than `FEWEST` genes in a round.
    """
    code, config = start.genetic_code().number, replace(config, posteriors=False, partial=True)
    options = replace(read_config(model_folder(OPTIONS)), genetic_code=code)
    factory, before, most = start, frozenset[object](), -math.inf
    for number in range(ROUNDS + 1):
        predicted = predict_genome(factory, genome, pieces, config, work / f"round{number}").genes
        genes = [gene for gene in predicted if is_complete(gene)]
        structures = frozenset((g.seqid, g.strand, t.cds) for g in genes for t in g.transcripts)
        alike = 2 * len(structures & before) / max(1, len(structures) + len(before))
        bits = intron_bits(genome, pieces, genes)
        _log.info(
            "round %d: %d genes, %d with introns, %.1f bits at their ends, %.0f%% as before",
            *(number, len(genes), sum(map(is_spliced, genes)), bits, 100 * alike),
        )
        if len(genes) < FEWEST:
            bases = sum(piece.end - piece.start for piece in pieces)
            raise InputError(
                f"too little to learn from: {len(genes)} genes found in {bases:,} bases, {FEWEST} needed",
                where=genome.path,
                remedy="give more of the genome, reads or proteins (--bam, --proteins), or begin with another --model",
            )
        if bits < most - LOST:
            _log.warning("round %d does not count: introns multiply, and their ends are less alike", number)
            return
        most = max(most, bits)
        yield Round(factory, genes, alike, bits)
        if alike >= ALIKE or number == ROUNDS:
            return
        folder, before = work / f"model{number + 1}", structures
        _write(count_model(options, genome, pieces, predicted), folder)
        factory = SegmentPredictorFactory(folder, config.device, evidence=getattr(start, "evidence", None))


def adapt(
    start: PredictorFactory, genome: Genome, pieces: Sequence[Piece], config: PredictConfig, target: Path, work: Path
) -> list[Round]:
    """Write the model of the last round, with a signal network beside it; return the rounds.

    Parameters
    ----------
    start, genome, pieces, config, work
        As for `annotate_in_rounds`.
    target
        Folder to write.

    Raises
    ------
    InputError
        The first model counts no better one.
    """
    rounds = list(annotate_in_rounds(start, genome, pieces, config, work))
    if len(rounds) == 1:
        raise InputError(
            "a model counted from its genes would find more and more spurious introns",
            where=genome.path,
            remedy=f"annotate with {_name(start)}, or begin with another --model, or with reads or proteins",
        )
    last = rounds[-1].factory.folder
    with atomic_directory(target) as made:
        for path in last.iterdir():
            (made / path.name).write_bytes(path.read_bytes())
        with_network(last).save(made)
        (made / CARD).write_text(_card(rounds, genome, pieces), encoding="utf-8")
    return rounds


def with_network(folder: Path) -> SegmentModel:
    """Return the counted model of a folder with the signal network of `NETWORK` beside it."""
    model = combined(SegmentModel.load(folder), networks_of(model_folder(NETWORK)))
    set_gains(model, GAINS)
    return model


def is_settled(rounds: Sequence[Round]) -> bool:
    """Return whether the genes of the last two rounds are alike."""
    return rounds[-1].alike >= ALIKE


def _name(factory: PredictorFactory) -> str:
    species = factory.provenance().get("species")
    return factory.folder.name + (f", {species}" if species else "")


def _write(counted: Counted, folder: Path) -> None:
    with atomic_directory(folder) as made:
        counted.model.save(made)
        write_json(made / STATISTICS, counted.statistics)
        write_json(made / CALIBRATION, {"temperature": TEMPERATURE, "windows": 0, "genes": 0})


def _card(rounds: Sequence[Round], genome: Genome, pieces: Sequence[Piece]) -> str:
    bases = sum(piece.end - piece.start for piece in pieces)
    lines = [
        "---",
        f"species: {json.dumps('the genome ' + genome.path.name)}",
        f"trained_on: {len(rounds[-1].genes)} genes predicted in {bases:,} of its bases; no annotation",
        "not_to_test_on: nothing; no annotation was read",
        "---",
        "# A model of a genome without annotation",
        "",
        f"Counted by genescribe {__version__} from predicted genes, in rounds (docs/models.md). The genes of round 0",
        f"are those of {_name(rounds[0].factory)}, all others those of a model that was counted from the round before.",
        f"The signal network of {NETWORK} was then added, which helps to score the boundaries of exons.",
        "",
        "| round | genes | with introns | bits at the ends of introns | as in the round before |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {n} | {len(made.genes)} | {sum(map(is_spliced, made.genes))} | {made.bits:.1f} | {made.alike:.0%} |"
            for n, made in enumerate(rounds)
        ),
        "",
        *([] if is_settled(rounds) else ["The genes of the last two rounds still differ.", ""]),
        "How good it is was not measured: no gene of the genome is known. Its probabilities are not calibrated. Its",
        "statistics are those of its own genes: that an annotation with it resembles them says nothing.",
    ]
    return "\n".join(lines) + "\n"
