"""Options of training a network that scores sites. Free of torch, so that reading a configuration is quick."""

from __future__ import annotations

from dataclasses import dataclass

from genescribe.config import option
from genescribe.nn.site_config import SiteNetworkConfig


@dataclass(frozen=True)
class SiteModelConfig:
    """A network that scores sites, and its training data."""

    network: SiteNetworkConfig = option(default_factory=SiteNetworkConfig, doc="its shape")
    window: int = option(5000, doc="bases of a sample that are scored", minimum=100)
    empty: float = option(0.25, doc="samples without a site, as a share of those with one", minimum=0.0)
    partial: list[str] = option(
        default_factory=list,
        doc="genomes of which genes are missing in the annotation: the space between genes is not scored",
    )
    balance: float = option(
        0.5,
        doc="a genome's share of training is in proportion to its samples to the power of 1 minus this",
        minimum=0.0,
        maximum=1.0,
    )
    mutated: float = option(
        0.0,
        doc="share of the bases of training replaced by random ones, afresh in each step, so that sequences are not "
        "learned by heart; none within 3 bases of a site",
        minimum=0.0,
        maximum=1.0,
    )
