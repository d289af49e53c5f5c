"""What a label scheme is, and those there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from genescribe.data.sample import Runs
from genescribe.genome.model import Gene
from genescribe.segment.decode import Decoded
from genescribe.segment.gencode import GencodeScheme
from genescribe.segment.labels import Encoded, Grammar, Kind, LabelPolicy


class LabelScheme(Protocol):
    """Annotation to labels and back, on one strand, in transcript orientation: the caller mirrors.

    Attributes
    ----------
    name
        Its key in `SCHEMES`.
    names
        What each label is called; their number is C.
    kinds
        What each label means to a decoder.
    background
        The label of bases between genes.
    """

    name: str
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    background: int

    @property
    def grammar(self) -> Grammar:
        """Which labels may follow each other, begin or end a strand, and for how long."""

    def encode(
        self,
        genes: Sequence[Gene],
        length: int,
        policy: LabelPolicy | None = None,
        doubtful: Mapping[str, str] = MappingProxyType({}),
    ) -> Encoded:
        """Return the labels of a strand of `length` bases; genes in `doubtful` are masked for the reason given."""

    def decode(self, runs: Runs, *, partial: bool = True) -> Decoded:
        """Return the transcripts that the labels of a whole strand spell."""


SCHEMES: dict[str, LabelScheme] = {scheme.name: scheme for scheme in (GencodeScheme(),)}
