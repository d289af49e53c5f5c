"""Likelihood of labels known wholly or in part, against the segmentations that agree, enumerated."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.enumerate_segmentations import enumerate_chain, single_base_labels
from tests.kernels.random_potentials import potentials, random_potentials

from genescribe.crf.likelihood import log_numerator, negative_log_likelihood
from genescribe.crf.partial import agreeing
from genescribe.crf.runs import split_single_bases
from genescribe.crf.score import Segments, score
from genescribe.errors import InputError
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation


@st.composite
def problem(draw: st.DrawFn) -> tuple[Potentials, Segments]:
    p = draw(potentials())
    runs = []
    for n in p.lengths.tolist():
        cuts = draw(st.sets(st.integers(1, max(n - 1, 1))))
        ends = [*sorted(cut for cut in cuts if cut < n), n]
        names = [draw(st.integers(-1, p.shape[3] - 1)) for _ in ends]
        runs.append(Segmentation(torch.tensor(ends), torch.tensor(names)))
    return p, Segments.of(runs)


def agrees(path: Segmentation, runs: Segmentation, single: torch.Tensor) -> bool:
    """Say whether the path has the known labels, every known boundary, and none inside a known run."""
    known = [i for i in range(int(path.length)) if runs.per_base()[i] >= 0]
    if any(path.per_base()[i] != runs.per_base()[i] for i in known):
        return False
    n = int(path.length)
    run_of = torch.searchsorted(runs.ends, torch.arange(n), right=True).tolist()
    names = runs.per_base().tolist()
    cuts = set(path.ends.tolist())
    for t in range(1, n):
        left, right = names[t - 1], names[t]
        if left < 0 or right < 0:
            continue
        inside_run_of_single_bases = left == right and bool(single[left])
        if not inside_run_of_single_bases and (t in cuts) != (run_of[t - 1] != run_of[t]):
            return False
    return True


@settings(max_examples=100, deadline=None)
@given(problem())
def test_numerator_sums_the_segmentations_that_agree(given_problem: tuple[Potentials, Segments]) -> None:
    p, runs = given_problem
    single = single_base_labels(p)
    got = log_numerator(p, runs, single)
    for b in range(len(p.lengths)):
        every = enumerate_chain(p, b)
        row = Segmentation(runs.ends[b, : runs.counts[b]], runs.labels[b, : runs.counts[b]])
        chosen = torch.tensor([agrees(path, row, single) for path in every.paths])
        expected = torch.logsumexp(every.scores.masked_fill(~chosen, -torch.inf), 0)
        torch.testing.assert_close(got[b], expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(problem())
def test_likelihood_is_never_above_one(given_problem: tuple[Potentials, Segments]) -> None:
    p, runs = given_problem
    p = replace(p, content=p.content.requires_grad_())
    try:
        nll = negative_log_likelihood(p, runs, single_base_labels(p))
    except InputError:
        assert bool((log_numerator(p, runs, single_base_labels(p)) == -torch.inf).any())
        return
    assert bool((nll >= 0).all()) and bool(torch.isfinite(nll).all())
    nll.sum().backward()
    assert p.content.grad is not None and bool(torch.isfinite(p.content.grad).all())


def test_all_known_is_the_score_of_the_path() -> None:
    p = random_potentials(3, 25, 6, 3, boundaries=True, left=True, right=True, seed=1)
    runs = Segments.of([Segmentation(torch.tensor([n]), torch.tensor([1])) for n in p.lengths.tolist()])
    from genescribe.kernels.semicrf.dispatch import log_partition

    torch.testing.assert_close(log_partition(agreeing(p, runs)), score(p, runs))


def test_two_known_runs_of_one_label_keep_their_boundary() -> None:
    p = random_potentials(1, 9, 9, 2, seed=4)
    runs = Segments.of([Segmentation(torch.tensor([3, 6, 9]), torch.tensor([1, 1, -1]))])
    from genescribe.kernels.semicrf.reference import viterbi

    constrained = agreeing(p, runs)
    assert constrained.shape[3] == 4
    _, paths = viterbi(constrained)
    assert {3}.issubset(paths[0].ends.tolist())
    assert (paths[0].per_base()[:6] % 2 == 1).all()


def test_all_ignored_has_likelihood_one() -> None:
    p = random_potentials(2, 30, 6, 3, seed=2)
    runs = Segments.of([Segmentation(torch.tensor([n]), torch.tensor([-1])) for n in p.lengths.tolist()])
    torch.testing.assert_close(negative_log_likelihood(p, runs), torch.zeros(2, dtype=torch.float64))


def test_a_run_of_a_linear_chain_is_its_single_bases() -> None:
    p = random_potentials(1, 6, 1, 3, tail=False)
    runs = Segments.of([Segmentation(torch.tensor([2, 6]), torch.tensor([0, 2]))])
    split = split_single_bases(runs, single_base_labels(p))
    assert split.ends.tolist() == [[1, 2, 3, 4, 5, 6]]
    assert split.labels.tolist() == [[0, 0, 2, 2, 2, 2]]
    assert float(negative_log_likelihood(p, runs, single_base_labels(p))) > 0


def test_a_segment_longer_than_the_table_has_a_score_and_a_gradient() -> None:
    p = random_potentials(1, 500, 20, 2, seed=3, scale=0.1)
    content = p.content.clone().requires_grad_()
    tail = (-p.tail.abs()).requires_grad_()
    runs = Segments.of([Segmentation(torch.tensor([480, 500]), torch.tensor([0, 1]))])
    nll = negative_log_likelihood(replace(p, content=content, tail=tail), runs)
    nll.sum().backward()
    assert torch.isfinite(nll).all() and content.grad is not None and tail.grad is not None
    assert float(tail.grad[0]) < 0  # the tail wants to be flatter: 460 bases are in it


def test_forbidden_labels_are_named() -> None:
    p = random_potentials(2, 6, 3, 2, mixed=False)
    p.transition[0, 0, 1] = -torch.inf
    runs = Segments.of(
        [Segmentation(torch.tensor([6]), torch.tensor([0]))] * 1
        + [Segmentation(torch.tensor([2, 6]), torch.tensor([0, 1]))]
    )
    with pytest.raises(InputError, match=r"labels of chain 1: segment 1 .* the transition from label 0 is forbidden"):
        negative_log_likelihood(p, runs)
    p.content[0, 2, 0] = -torch.inf
    hidden = Segments.of(
        [Segmentation(torch.tensor([4, 6]), torch.tensor([0, -1])), Segmentation(torch.tensor([6]), torch.tensor([0]))]
    )
    with pytest.raises(InputError, match="labels of chain 0: no segmentation agrees"):
        negative_log_likelihood(p, hidden)


def test_shifting_the_emissions_of_a_base_changes_nothing() -> None:
    p = random_potentials(2, 40, 8, 3, seed=6)
    runs = Segments.of([Segmentation(torch.tensor([n]), torch.tensor([2])) for n in p.lengths.tolist()])
    shift = torch.randn(2, 40, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 100
    moved = replace(p, content=p.content + shift)
    torch.testing.assert_close(
        negative_log_likelihood(moved, runs), negative_log_likelihood(p, runs), rtol=1e-10, atol=1e-9
    )
