"""Posteriors, entropy, samples and the k best, against the enumeration."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.enumerate_segmentations import enumerate_chain, single_base_labels
from tests.kernels.random_potentials import potentials, random_potentials

from genescribe.crf.inference import (
    cross_entropy,
    entropy,
    kl_divergence,
    marginals,
    sample,
    segment_marginals,
    transition_marginals,
)
from genescribe.crf.kbest import k_best
from genescribe.crf.runs import merge_single_bases
from genescribe.crf.score import Segments
from genescribe.errors import InputError
from genescribe.kernels.semicrf.potentials import FIELDS, Potentials, Segmentation
from genescribe.kernels.semicrf.reference import viterbi

EXAMPLES = settings(max_examples=40, deadline=None)


def key(path: Segmentation) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(path.ends.tolist()), tuple(path.labels.tolist())


@EXAMPLES
@given(potentials())
def test_marginals_of_bases_boundaries_and_transitions(p: Potentials) -> None:
    got, steps = marginals(p), transition_marginals(p)
    B, T, _, C = p.shape
    position, begin, end = (torch.zeros(B, T, C, dtype=torch.float64) for _ in range(3))
    pairs = torch.zeros(B, T, C, C, dtype=torch.float64)
    for b in range(B):
        every = enumerate_chain(p, b)
        n = int(p.lengths[b])
        for path, probability in zip(every.paths, every.probabilities, strict=True):
            position[b, torch.arange(n), path.per_base()] += probability
            starts, last = path.starts, path.ends - 1
            if p.arrive is None:
                begin[b, 0, path.labels[0]] += probability
            begin[b, starts[1:], path.labels[1:]] += probability
            end[b, last[:-1], path.labels[:-1]] += probability
            if p.depart is None:
                end[b, n - 1, path.labels[-1]] += probability
            pairs[b, starts[1:], path.labels[:-1], path.labels[1:]] += probability
    for value, expected in ((got.position, position), (got.begin, begin), (got.end, end), (steps, pairs)):
        torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got.transition.sum(0), pairs.sum((0, 1)), rtol=1e-9, atol=1e-9)


@EXAMPLES
@given(potentials())
def test_entropy(p: Potentials) -> None:
    expected = [torch.special.entr(enumerate_chain(p, b).probabilities).sum() for b in range(len(p.lengths))]
    torch.testing.assert_close(entropy(p), torch.stack(expected), rtol=1e-7, atol=1e-7)


@EXAMPLES
@given(potentials(longest=4))
def test_probability_of_a_segment(p: Potentials) -> None:
    single = single_base_labels(p)
    for b in range(len(p.lengths)):
        every = enumerate_chain(p, b)
        contents = [set(segments_of(path)) for path in every.paths]
        for path in every.paths[:: max(1, len(every.paths) // 12)]:
            runs = merge_single_bases(path, single)
            got = segment_marginals(p.rows(torch.tensor([b])), Segments.of([runs]), single)[0]
            for i, (s, t, c) in enumerate(segments_of(runs)):
                wanted = [(x, x + 1, c) for x in range(s, t)] if single[c] else [(s, t, c)]
                expected = sum(
                    float(q) for q, have in zip(every.probabilities, contents, strict=True) if have.issuperset(wanted)
                )
                assert float(got[i]) == pytest.approx(expected, abs=1e-9)


def segments_of(path: Segmentation) -> list[tuple[int, int, int]]:
    return list(zip(path.starts.tolist(), path.ends.tolist(), path.labels.tolist(), strict=True))


@EXAMPLES
@given(potentials())
def test_the_k_best_are_the_k_best(p: Potentials) -> None:
    for b, (scores, paths) in enumerate(k_best(p, 7)):
        every = enumerate_chain(p, b)
        allowed = every.scores[every.scores > -torch.inf]
        expected = allowed.sort(descending=True).values[:7]
        torch.testing.assert_close(scores, expected, rtol=1e-9, atol=1e-9)
        assert len({key(path) for path in paths}) == len(paths) == len(expected)
        by_key = {key(path): value for path, value in zip(every.paths, every.scores, strict=True)}
        for path, value in zip(paths, scores, strict=True):
            torch.testing.assert_close(by_key[key(path)], value, rtol=1e-9, atol=1e-9)


def test_the_best_of_a_longer_chain_is_the_best_path() -> None:
    p = random_potentials(2, 80, 12, 4, period=3, boundaries=True, left=True, right=True, seed=9)
    best, paths = viterbi(p)
    for b, (scores, ranked) in enumerate(k_best(p, 3)):
        torch.testing.assert_close(scores[0], best[b])
        assert key(ranked[0]) == key(paths[b])


@pytest.mark.parametrize("edges", [False, True])
def test_samples_follow_the_distribution(edges: bool) -> None:
    p = random_potentials(2, 4, 2, 2, left=edges, right=edges, forbidden=0.1, seed=11)
    count = 4000
    drawn = sample(p, count, torch.Generator().manual_seed(1))
    for b, paths in enumerate(drawn):
        every = enumerate_chain(p, b)
        seen = Counter(key(path) for path in paths)
        expected = {key(path): float(q) for path, q in zip(every.paths, every.probabilities, strict=True)}
        # Pearson's statistic over the paths expected 5 times or more lies within 5 standard deviations.
        often = {path: q * count for path, q in expected.items() if q * count >= 5}
        statistic = sum((seen[path] - mean) ** 2 / mean for path, mean in often.items())
        assert len(often) > 3
        assert statistic < len(often) + 5 * (2 * len(often)) ** 0.5
        assert all(expected[path] > 0 for path in seen)


def test_samples_are_those_of_the_seed() -> None:
    p = random_potentials(1, 50, 8, 3, seed=12)
    runs = [sample(p, 3, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    keys = [[key(path) for path in run[0]] for run in runs]
    assert keys[0] == keys[1] != keys[2]


def test_a_chain_without_a_segmentation() -> None:
    p = random_potentials(1, 5, 2, 2)
    p.content[0, 2] = -torch.inf
    assert float(entropy(p)) == 0
    assert k_best(p, 2)[0][1] == []
    assert len(sample(p, 1)[0][0].ends) == 0
    assert not marginals(p).position.any()


@pytest.mark.parametrize("backend", ["reference", "blocked", "native"])
def test_marginals_and_entropy_have_gradients(backend: str) -> None:
    p = random_potentials(1, 4, 2, 2, boundaries=True, right=True, explicit=True, seed=2)
    names = [name for name in FIELDS if getattr(p, name) is not None]
    leaves = [torch.nan_to_num(getattr(p, name), neginf=-20.0).requires_grad_() for name in names]

    def asked(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        q = replace(p, **dict(zip(names, values, strict=True)))
        m = marginals(q, backend)
        return entropy(q, backend), m.position, m.begin, m.end, m.transition, m.duration, m.tail

    assert torch.autograd.gradcheck(asked, leaves, atol=1e-6, fast_mode=True)


@EXAMPLES
@given(potentials())
def test_the_gradient_of_entropy_is_that_of_the_enumeration(p: Potentials) -> None:
    p = p.rows(torch.tensor([0])).to(dtype=torch.float64)
    names = [name for name in FIELDS if getattr(p, name) is not None]
    found, expected = [], []
    for results, ask in ((found, entropy), (expected, enumerated_entropy)):
        leaves = {name: getattr(p, name).detach().clone().requires_grad_() for name in names}
        value = ask(replace(p, **leaves)).sum()
        if value.requires_grad:
            gradients = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
            results.extend(
                torch.zeros_like(x) if g is None else g for g, x in zip(gradients, leaves.values(), strict=True)
            )
    for a, b in zip(found, expected, strict=False):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


def enumerated_entropy(p: Potentials) -> torch.Tensor:
    scores = enumerate_chain(p, 0).scores
    scores = scores[scores > -torch.inf]
    return torch.special.entr(scores.softmax(0)).sum().unsqueeze(0)


def test_posteriors_that_nobody_differentiates_carry_no_graph() -> None:
    p = random_potentials(1, 6, 3, 2)
    leaf = replace(p, content=p.content.clone().requires_grad_())
    assert marginals(leaf).position.requires_grad and entropy(leaf).requires_grad
    assert not marginals(p).position.requires_grad and not entropy(p).requires_grad
    with torch.no_grad():
        assert not marginals(leaf).position.requires_grad


@EXAMPLES
@given(potentials(longest=4), st.integers(0, 2**16))
def test_divergences_of_two_models(p: Potentials, seed: int) -> None:
    p = p.to(dtype=torch.float64)
    B, T, K, C = p.shape
    other = random_potentials(
        B, T, K + 1, C, seed=seed, forbidden=0.05, left=p.arrive is not None, right=p.depart is not None
    )
    q = replace(other, lengths=p.lengths)
    divergence, crossed = kl_divergence(p, q), cross_entropy(p, q)
    for b in range(B):
        mine, theirs = enumerate_chain(p, b), enumerate_chain(q, b)
        log_p, log_q = mine.scores - mine.log_partition, theirs.scores - theirs.log_partition
        used = mine.scores > -torch.inf
        if not used.any() or not (theirs.scores > -torch.inf).any():
            continue
        weight = log_p[used].exp()
        missing = float(weight[log_q[used] == -torch.inf].sum())
        if missing > 1e-9:
            assert crossed[b] == torch.inf and divergence[b] == torch.inf
        elif missing == 0:
            expected = -(weight * log_q[used]).sum()
            torch.testing.assert_close(crossed[b], expected, rtol=1e-7, atol=1e-6)
            divergent = expected + (weight * log_p[used]).sum()
            torch.testing.assert_close(divergence[b], divergent, rtol=1e-6, atol=1e-6)


def test_models_of_different_chains_have_no_divergence() -> None:
    p = random_potentials(2, 6, 3, 2, mixed=False)
    shorter = replace(p, lengths=torch.tensor([6, 5]))
    with pytest.raises(InputError, match="two models of different chains or labels"):
        kl_divergence(p, shorter)
    with pytest.raises(InputError, match="two models of different edges"):
        cross_entropy(p, random_potentials(2, 6, 3, 2, left=True, mixed=False))
