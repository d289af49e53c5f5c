"""The reference recurrence against the enumeration of every segmentation."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from tests.kernels.enumerate_segmentations import enumerate_chain, expected_gradient, one
from tests.kernels.random_potentials import potentials, random_potentials

from genescribe.crf.score import Segments, duration_score, score
from genescribe.kernels.semicrf import reference
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.kernels.semicrf.potentials import Potentials

EXAMPLES = settings(max_examples=60, deadline=None)


def with_leaves(p: Potentials) -> Potentials:
    values = {f.name: getattr(p, f.name) for f in fields(p)}
    return replace(
        p,
        **{
            n: v.detach().clone().requires_grad_() for n, v in values.items() if v is not None and v.is_floating_point()
        },
    )


def gradients(p: Potentials) -> dict[str, torch.Tensor]:
    q = with_leaves(p)
    log_partition(q, "reference").sum().backward()
    return {f.name: getattr(q, f.name).grad for f in fields(q) if getattr(getattr(q, f.name), "requires_grad", False)}


@EXAMPLES
@given(potentials())
def test_log_partition_is_the_sum_over_all_segmentations(p: Potentials) -> None:
    expected = torch.stack([enumerate_chain(p, chain).log_partition for chain in range(len(p.lengths))])
    torch.testing.assert_close(log_partition(p, "reference"), expected, rtol=1e-10, atol=1e-9)


@EXAMPLES
@given(potentials())
def test_gradients_are_the_marginals(p: Potentials) -> None:
    expected = expected_gradient(p)
    tolerance = 1e-9 if p.content.dtype == torch.float64 else 2e-6
    for name, gradient in gradients(p).items():
        gradient = torch.zeros_like(expected[name]) if gradient is None else gradient
        torch.testing.assert_close(gradient.double(), expected[name], rtol=tolerance, atol=tolerance, msg=name)


@EXAMPLES
@given(potentials())
def test_viterbi_finds_the_best_segmentation(p: Potentials) -> None:
    best, paths = reference.viterbi(p)
    for chain, path in enumerate(paths):
        every = enumerate_chain(p, chain)
        torch.testing.assert_close(best[chain], every.scores.max(), rtol=1e-10, atol=1e-9)
        if best[chain] == -torch.inf:
            assert len(path.ends) == 0
        else:
            torch.testing.assert_close(score(one(p, chain), Segments.of([path]))[0], best[chain], rtol=1e-10, atol=1e-9)


@EXAMPLES
@given(potentials())
def test_messages_give_the_probability_of_every_segment(p: Potentials) -> None:
    m = reference.messages(p)
    for chain in range(len(p.lengths)):
        every = enumerate_chain(p, chain)
        expected: dict[tuple[int, int, int], float] = {}
        for path, probability in zip(every.paths, every.probabilities.tolist(), strict=True):
            for s, t, c in zip(path.starts.tolist(), path.ends.tolist(), path.labels.tolist(), strict=True):
                expected[s, t, c] = expected.get((s, t, c), 0.0) + probability
        n = int(p.lengths[chain])
        for (s, t, c), probability in expected.items():
            if (s == 0 and p.arrive is not None) or (t == n and p.depart is not None):
                continue
            bias = duration_score(p, torch.tensor(t - s), torch.tensor(c))
            inside = p.content[chain, s:t, c].double().sum() + bias
            end = 0.0 if p.end is None else p.end[chain, t - 1, c].double()
            value = m.entry[chain, s, c] + inside + end + m.onward[chain, t, c] - m.log_partition[chain]
            got = 0.0 if m.log_partition[chain] == -torch.inf else float(value.exp())
            assert got == pytest.approx(probability, abs=1e-9)


def test_gradients_are_bit_identical_from_run_to_run() -> None:
    p = random_potentials(3, 60, 9, 4, period=3, boundaries=True, left=True, right=True, forbidden=0.1)
    first, second = gradients(p), gradients(p)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_padding_does_not_matter() -> None:
    p = random_potentials(3, 40, 7, 3, boundaries=True, seed=3)
    shorter = p.lengths.clone()
    past = torch.arange(40) >= shorter.unsqueeze(1)
    noisy = replace(p, content=p.content.masked_fill(past.unsqueeze(2), 1e6))
    assert torch.equal(log_partition(p, "reference"), log_partition(noisy, "reference"))
    alone = torch.cat([log_partition(one(p, chain), "reference") for chain in range(3)])
    torch.testing.assert_close(log_partition(p, "reference"), alone, rtol=1e-13, atol=0)


def test_large_scores_keep_float64_precision() -> None:
    p = random_potentials(1, 400, 30, 3, scale=1.0, mixed=False)
    shift = torch.full((1, 400, 1), 1e4, dtype=torch.float64)
    moved = replace(p, content=p.content + shift)
    torch.testing.assert_close(
        log_partition(moved, "reference") - 400 * 1e4, log_partition(p, "reference"), atol=1e-6, rtol=0
    )


def test_a_chain_without_a_segmentation_has_no_gradient() -> None:
    p = random_potentials(2, 6, 3, 2, mixed=False)
    p.content[1, 3] = -torch.inf
    assert log_partition(p, "reference")[1] == -torch.inf
    q = with_leaves(p)
    log_partition(q, "reference").sum().backward()
    assert q.content.grad is not None
    assert torch.equal(q.content.grad[1], torch.zeros(6, 2, dtype=torch.float64))
    torch.testing.assert_close(q.content.grad[0].sum(1), torch.ones(6, dtype=torch.float64))


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_posteriors_keep_their_digits_on_long_chains(scale: float) -> None:
    p = random_potentials(1, 4000, 20, 4, scale=scale, mixed=False, left=True, right=True, seed=8)
    content = p.content.requires_grad_()
    log_z = log_partition(replace(p, tail=-p.tail.abs()), "reference")
    log_z.sum().backward()
    assert float(log_z.detach().abs()) > 1000
    assert content.grad is not None
    torch.testing.assert_close(content.grad.sum(2), torch.ones(1, 4000, dtype=torch.float64), rtol=0, atol=1e-10)
    assert float(content.grad.min()) > -1e-10
