"""The interface of label schemes, and the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from genescribe.data.runs import Runs
from genescribe.genome.alphabet import Codes
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript
from genescribe.labels.decode import Decoded
from genescribe.labels.gencode import GencodeScheme
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_rules import GeneRules
from genescribe.labels.grammar import Encoded, Grammar, Kind


class LabelScheme(Protocol):
    """Annotation to labels and back, on one strand, in transcript orientation: the caller mirrors.

    Attributes
    ----------
    name
        Its key in `SCHEMES`.
    names
        Names of the C labels.
    kinds
        Meaning of each label to a decoder.
    background
        The label of bases between genes.
    channels
        Names of the scores that a network gives each base.
    opening, closing
        Labels that a strand begins (ends) with where it cuts no gene.
    """

    name: str
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    background: int
    channels: tuple[str, ...]
    opening: tuple[int, ...]
    closing: tuple[int, ...]

    def configured(self, rules: GeneRules) -> LabelScheme:
        """Return the scheme under other rules; one that knows none returns itself."""

    @property
    def routes(self) -> NDArray[np.int64]:
        """Channel of a base under each label by its position modulo 3, (3, C)."""

    @property
    def grammar(self) -> Grammar:
        """The grammar: allowed transitions, first and last labels, and lengths."""

    def encode(
        self,
        genes: Sequence[Gene],
        length: int,
        doubtful: Mapping[str, str] = MappingProxyType({}),
        codes: Codes | None = None,
    ) -> Encoded:
        """Return the labels of a strand of `length` bases; genes in `doubtful` are masked for the reason given.

        Non-coding genes are masked where they touch no coding gene.

        Parameters
        ----------
        genes
            Genes in the coordinates of the strand, 5' to 3'.
        length
            Bases of the strand.
        doubtful
            Gene -> reason for which its bases are masked.
        codes : (length,) uint8 or None
            Base codes, for schemes whose labels depend on the sequence.
        """

    def fault(self, transcript: Transcript, codes: Codes, code: GeneticCode) -> str | None:
        """Return why the labels cannot hold a coding transcript of the strand `codes`, or None.

        Parameters
        ----------
        transcript
            A transcript in the coordinates of the strand.
        codes : (n,) uint8
            Base codes of the strand.
        code
            Genetic code that gives start and stop codons.
        """

    def shifted(self, runs: Runs, offset: int) -> Runs:
        """Return the labels of a window that begins at position `offset` of its strand, as it stands alone."""

    def decode(self, runs: Runs, *, partial: bool = True) -> Decoded:
        """Return the transcripts that the labels of a whole strand spell."""


SCHEMES: dict[str, LabelScheme] = {scheme.name: scheme for scheme in (GencodeScheme(), GeneScheme())}
