"""Organelles in a genome to annotate: read with their own genetic code, or left out with a warning.

A nuclear model read with the standard code makes wrong genes of a mitochondrion: what it takes for stops and starts is
something else there.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Self, cast

from genescribe.errors import InputError
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.organelles import choose_codes, organelles_of, parse_codes
from genescribe.genome.strand import GenomeStrand, StrandCodes
from genescribe.predict.interface import (
    BatchWriter,
    ByStrand,
    Halves,
    PredictorFactory,
    StrandPrediction,
    StrandPredictor,
    finishes_both_strands,
    halves_of,
)
from genescribe.predict.stretches import Piece

_log = logging.getLogger(__name__)


def add_argument(parser: argparse._ActionsContainer) -> None:
    """Add `--genetic-code-of` to a script's parser, or to a group of it."""
    parser.add_argument(
        "--genetic-code-of",
        action="append",
        default=[],
        metavar="SEQID=N",
        help="NCBI genetic code of a mitochondrion or plastid, such as MT=2; repeatable",
    )


def with_organelles(
    factory: PredictorFactory, genome: Genome, pieces: Sequence[Piece], genetic_codes: Iterable[str]
) -> tuple[PredictorFactory, list[Piece], list[str]]:
    """Return a factory that reads each sequence with its code, the pieces that have one, and warnings on the others.

    Parameters
    ----------
    factory
        Opens the model in each process.
    genome, pieces
        Genome, and the stretches of it to annotate.
    genetic_codes
        ``SEQID=NUMBER``.

    Raises
    ------
    InputError
        A code that makes no sense; nothing is left to annotate.
    """
    usual = factory.genetic_code().number
    asked = parse_codes(genetic_codes, genome.lengths)
    seqids = dict.fromkeys(piece.seqid for piece in pieces)
    described = {seqid: genome.description(seqid) if seqid in seqids else "" for seqid in genome.lengths}
    kinds = {seqid: kind for seqid, kind in organelles_of(described).items() if seqid in seqids}
    codes, unknown = choose_codes(kinds, asked, usual)
    readable = [piece for piece in pieces if piece.seqid not in unknown]
    warnings = [
        f"{seqid} is a {kinds[seqid]}, whose genetic code is not known: not annotated; "
        f"give --genetic-code-of {seqid}=N (vertebrates 2, yeasts 3, invertebrates 5, plants 1)"
        for seqid in unknown
    ]
    if pieces and not readable:
        raise InputError(warnings[0].split(":")[0], where=genome.path, remedy=warnings[0].split("; ")[1])
    for line in warnings:
        _log.warning(line)
    codes = {seqid: code for seqid, code in codes.items() if seqid in seqids}
    for seqid, code in codes.items():
        _log.info("%s is read with genetic code %d", seqid, code)
    return (RecodedFactory(factory, codes) if codes else factory), readable, warnings


class RecodedFactory:
    """A model that reads some sequences with other genetic codes.

    Parameters
    ----------
    factory
        Opens the model in each process.
    codes
        NCBI table of these sequences.
    """

    def __init__(self, factory: PredictorFactory, codes: Mapping[str, int]) -> None:
        self.factory, self.codes, self.grain, self.folder = factory, dict(codes), factory.grain, factory.folder
        self.both_strands = finishes_both_strands(factory)

    def __call__(self, worker: int = 0) -> StrandPredictor:
        """Load the model; once more for each code, when a strand asks for it."""
        return _Recoded(self.factory, self.codes, worker)

    def halves(self) -> Halves | None:
        """Return the halves of the model, each with the codes."""
        halves = halves_of(self.factory)
        if halves is None:
            return None
        reader, finisher = (type(self)(half, self.codes) for half in (halves.reader, halves.finisher))
        return halves._replace(reader=reader, finisher=finisher)

    def for_genome(self, genome: Genome, pieces: Sequence[Piece], species: str) -> Self:
        """Return this with the parameters of a species; see `PredictorFactory.for_genome`."""
        return type(self)(self.factory.for_genome(genome, pieces, species), self.codes)

    def with_evidence(self, folder: Path) -> Self:
        """Return this with the evidence of a folder."""
        return type(self)(self.factory.with_evidence(folder), self.codes)

    def recoded(self, code: int) -> PredictorFactory:
        """Return the model alone, with another code."""
        return self.factory.recoded(code)

    def genetic_code(self, seqid: str = "") -> GeneticCode:
        """Return the code of a sequence, or of all that have none of their own."""
        return GeneticCode.from_table(self.codes[seqid]) if seqid in self.codes else self.factory.genetic_code()

    def provenance(self) -> dict[str, Any]:
        """Return that of the model, and the codes."""
        codes = " ".join(f"{seqid}={code}" for seqid, code in self.codes.items())
        return {**self.factory.provenance(), "genetic-codes": codes}

    def statistics(self) -> dict[str, Any]:
        """Return statistics of the genes of the training genomes."""
        return self.factory.statistics()


class _Recoded(ByStrand):
    """Sends each strand to the model with its sequence's code."""

    def __init__(self, factory: PredictorFactory, codes: Mapping[str, int], worker: int) -> None:
        self._factory, self._codes, self._worker = factory, codes, worker
        self._predictors: dict[int | None, StrandPredictor] = {}

    def write(self, strands: Sequence[StrandCodes], proposed: Sequence[StrandPrediction]) -> list[StrandPrediction]:
        predictions = list[StrandPrediction]()
        for predictor, alike in groupby(zip(strands, proposed, strict=True), lambda pair: self.predictor(pair[0])):
            codes, part = zip(*alike, strict=True)
            predictions += cast(BatchWriter, predictor).write(codes, part)
        return predictions

    def predictor(self, codes: StrandCodes) -> StrandPredictor:
        code = self._codes.get(codes.seqid) if isinstance(codes, GenomeStrand) else None
        if code not in self._predictors:
            factory = self._factory if code is None else self._factory.recoded(code)
            self._predictors[code] = factory(self._worker)
        return self._predictors[code]
