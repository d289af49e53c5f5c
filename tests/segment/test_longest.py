"""Tables of durations longer than the others' for some labels: heavy tails of introns, and labels that are closed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from genescribe.crf.head import SemiCRF
from genescribe.labels.gene_labels import INTERGENIC, INTRON0, NAMES, SINGLE, STOP, UTR3, UTR5, UTR5_INTRON
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.head import crf_config, scheme_of

INTRONS = [name for name in NAMES if "intron" in name]


def head(**options: object) -> SemiCRF:
    config = SegmentModelConfig(scheme="gene", genetic_code=1, max_duration=300, **options)  # type: ignore[arg-type]
    return SemiCRF(crf_config(config, scheme_of(config)))


def test_longest_may_be_more_or_less_than_the_rest() -> None:
    explicit = head(longest={"intron0": 900, "single_0": 50}, duration_knots=0).durations.explicit.tolist()
    assert explicit[INTRON0] == 900 and explicit[SINGLE] == 50
    assert explicit[SINGLE + 1] == explicit[INTRON0 + 1] == 300
    assert explicit[STOP] == 3 and explicit[INTERGENIC] == 1


@torch.no_grad()
def test_long_introns_cost_what_their_share_says() -> None:
    """One in k is longer than 100 k bases (Pareto): a geometric tail makes the longest of them impossible."""
    lengths = (100 / np.random.default_rng(0).uniform(0.001, 1, 20_000)).astype(int)
    counts = [Counter[int]() for _ in NAMES]
    counts[INTRON0].update(lengths.tolist())
    scores = {}
    for longest in (300, 20_000):
        crf = head(longest=dict.fromkeys(INTRONS, longest))
        crf.durations.initialise(counts, 1.0)
        table, tail = crf.durations()
        rows = int(crf.durations.explicit[INTRON0])
        scores[longest] = float(table[rows - 1, INTRON0] + (90_000 - rows) * tail[INTRON0])
        assert table[:rows, INTRON0].isfinite().sum() == rows - int(crf.config.shortest(INTRON0)) + 1
    share = np.log(100 / 90_000**2)
    assert abs(scores[20_000] - share) < 2 < 20 < abs(scores[300] - share)


def test_closed_labels_lead_nowhere() -> None:
    crf = head(closed=["utr5", "utr5_intron", "utr3"])
    transitions = crf.transitions()
    for label in (UTR5, UTR5_INTRON, UTR3):
        assert transitions[:, label].isinf().all() and transitions[:, :, label].isinf().all()
        assert crf.first_forbidden[label] and crf.last_forbidden[label]
    assert transitions[:, INTERGENIC, SINGLE].isfinite().any()
