"""Shape of networks that score sites of genes. Free of torch, so that reading a configuration is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import option
from genescribe.errors import InputError

NONE = "none"
"""Class of the bases that are no site; the first."""
SITE_CLASSES = ("acceptor", "donor", "start", "stop")
"""Classes of a base: first base of an exon behind an intron, last before one, first base of a start or stop codon.

The first two stand in the order and at the bases of SpliceAI, so that published weights fit."""
UNITS = {80: ((11, 1),), 400: ((11, 1), (11, 4)), 2000: ((11, 1), (11, 4), (21, 10))} | {
    10000: ((11, 1), (11, 4), (21, 10), (41, 25))
}
"""Context -> kernel and dilation of each group of `GROUP` residual units."""
GROUP = 4
"""Residual units between two skips."""


@dataclass(frozen=True)
class SiteNetworkConfig:
    """A residual dilated network that reads DNA and scores sites."""

    context: Literal[80, 400, 2000, 10000] = option(400, doc="bases that a score depends on, both sides together")
    width: int = option(32, doc="channels", minimum=1)
    classes: list[str] = option(
        default_factory=lambda: list(SITE_CLASSES),
        doc=f"classes of sites to score, in this order: {', '.join(SITE_CLASSES)}",
    )

    def __post_init__(self) -> None:
        if not self.classes or len({*self.classes} & {*SITE_CLASSES}) != len(self.classes):
            raise InputError(
                f"site classes {', '.join(self.classes) or 'none'}",
                where="classes",
                remedy=f"name each at most once, of {', '.join(SITE_CLASSES)}",
            )
