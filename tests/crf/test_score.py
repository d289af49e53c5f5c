"""The scoring function against the contract, read term by term in plain Python."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from tests.kernels.enumerate_segmentations import one, segmentations
from tests.kernels.random_potentials import potentials, random_potentials

from genescribe.crf.score import Segments, forbidden_by, score
from genescribe.errors import InputError
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation


def by_the_contract(p: Potentials, b: int, path: Segmentation) -> float:
    n = int(p.lengths[b])
    K = p.duration.shape[0]
    total, s, previous = 0.0, 0, -1
    offset = 0 if p.phase_offset is None else int(p.phase_offset[b])
    for t, c in zip(path.ends.tolist(), path.labels.tolist(), strict=True):
        rows = K if p.explicit is None else int(p.explicit[c])
        k = t - s
        duration = float(p.duration[min(k, rows) - 1, c])
        if k > rows:
            duration += (k - rows) * float(p.tail[c])
        begin = 0.0 if p.begin is None else float(p.begin[b, s, c])
        end = 0.0 if p.end is None else float(p.end[b, t - 1, c])
        total += sum(float(x) for x in p.content[b, s:t, c])
        if s > 0:
            total += float(p.transition[(s + offset) % p.transition.shape[0], previous, c])
        arrives, departs = s == 0 and p.arrive is not None, t == n and p.depart is not None
        if arrives and departs:
            total += float(p.spanning[b, c])
        elif arrives:
            total += float(p.arrive[b, t, c]) + end + (float(p.final[c]) if t == n else 0.0)
        elif departs:
            total += float(p.depart[b, s, c]) + begin + (float(p.start[c]) if s == 0 else 0.0)
        else:
            total += duration + begin + end
            total += float(p.start[c]) if s == 0 else 0.0
            total += float(p.final[c]) if t == n else 0.0
        s, previous = t, c
    return total


@settings(max_examples=40, deadline=None)
@given(potentials(longest=4))
def test_every_segmentation_scores_as_the_contract_says(p: Potentials) -> None:
    for b in range(len(p.lengths)):
        paths = list(segmentations(int(p.lengths[b]), p.shape[3]))
        got = score(one(p, b, len(paths)), Segments.of(paths)).tolist()
        for path, value in zip(paths, got, strict=True):
            assert value == pytest.approx(by_the_contract(p, b, path), rel=1e-6, abs=1e-6)
            assert not math.isnan(value)


def test_expanded_rows_score_the_same() -> None:
    p = random_potentials(1, 8, 5, 3, explicit=True, seed=5)
    paths = [path for path in segmentations(6, 3) if len(path.ends) < 4]
    q = random_potentials(1, 6, 5, 3, explicit=True, seed=5)
    assert p.explicit is not None and q.explicit is not None
    a, b = (score(one(x, 0, len(paths)), Segments.of(paths)) for x in (q, q.expanded()))
    torch.testing.assert_close(a, b)


def test_a_batch_of_mixed_lengths_scores_like_its_chains() -> None:
    p = random_potentials(3, 30, 4, 3, boundaries=True, left=True, period=3, seed=2)
    generator = torch.Generator().manual_seed(0)
    paths = []
    for n in p.lengths.tolist():
        ends = torch.cat([torch.randperm(n - 1, generator=generator)[: n // 4].sort().values + 1, torch.tensor([n])])
        paths.append(Segmentation(ends, torch.randint(0, 3, (len(ends),), generator=generator)))
    alone = torch.cat([score(one(p, i), Segments.of([path])) for i, path in enumerate(paths)])
    torch.testing.assert_close(score(p, Segments.of(paths)), alone)


@pytest.mark.parametrize(
    ("ends", "labels", "message"),
    [
        ([2, 4], [0, 1], "does not end at its chain's length"),
        ([3, 3, 5], [0, 1, 0], "has an empty segment"),
        ([2, 5], [0, 3], r"has a label outside 0\.\.2"),
    ],
)
def test_segmentations_that_make_no_sense_are_refused(ends: list[int], labels: list[int], message: str) -> None:
    p = random_potentials(1, 5, 3, 3)
    with pytest.raises(InputError, match=message):
        score(p, Segments.of([Segmentation(torch.tensor(ends), torch.tensor(labels))]))


def test_what_forbids_a_path_is_named() -> None:
    path = Segments.of([Segmentation(torch.tensor([2, 5]), torch.tensor([0, 1]))])

    def reason(field: str, index: tuple[int, ...]) -> str:
        p = random_potentials(1, 5, 3, 3, boundaries=True)
        assert forbidden_by(p, path, 0) == ""
        getattr(p, field)[index] = -torch.inf
        return forbidden_by(p, path, 0)

    assert reason("content", (0, 3, 1)) == "label 1 is forbidden at base 3"
    assert "a duration of 3 is forbidden" in reason("duration", (2, 1))
    assert "the transition from label 0 is forbidden" in reason("transition", (0, 0, 1))
    assert "begin or end is forbidden" in reason("begin", (0, 2, 1))
    assert "may not be the first or last" in reason("final", (1,))
