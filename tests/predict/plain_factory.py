"""A predictor factory without choices: the base of those that tests give to the driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.predict.stretches import Piece


class PlainFactory:
    """One set of parameters, the standard genetic code; a subclass makes the predictor."""

    grain = 1
    name = "plain"

    def for_genome(self, genome: Genome, pieces: Sequence[Piece], species: str) -> Self:
        """Return itself: there is nothing to choose."""
        del genome, pieces, species
        return self

    def recoded(self, code: int) -> Self:
        """Refuse another code."""
        raise AssertionError(code)

    def genetic_code(self, seqid: str = "") -> GeneticCode:
        """Return the standard code."""
        return GeneticCode.from_table(1)

    def provenance(self) -> dict[str, Any]:
        """Return the name."""
        return {"model": self.name}

    def statistics(self) -> dict[str, float]:
        """Return nothing: there were no training genomes."""
        return {}
