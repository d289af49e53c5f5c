"""The best segmentation of a chain in pieces: the reference's, whatever the pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from backend_contract import check_best_path, wide_potentials
from hypothesis import given, settings
from hypothesis import strategies as st
from random_potentials import potentials, random_potentials

from genescribe.errors import InputError
from genescribe.kernels import semicrf_native, stream
from genescribe.kernels.potentials import Potentials, Segmentation
from genescribe.kernels.semicrf_reference import viterbi as reference_viterbi
from genescribe.kernels.stream import ViterbiStream, best_paths

needs_native = pytest.mark.skipif(semicrf_native.library() is None, reason="the native kernels were not built here")


def open_stream(p: Potentials, backend: str) -> ViterbiStream:
    phase = 0 if p.phase_offset is None else int(p.phase_offset[0])
    model = (p.transition, p.duration, p.tail, p.start, p.final)
    return ViterbiStream(*model, explicit=p.explicit, phase_offset=phase, backend=backend)


def in_pieces(p: Potentials, sizes: list[int], backend: str) -> tuple[float, Segmentation]:
    """Decode the first chain of `p` in pieces of the given sizes, the last as long as it takes."""
    chain, n, position = open_stream(p, backend), int(p.lengths[0]), 0
    for size in [*sizes, n]:
        piece = slice(position, min(position + size, n))
        rows = [None if x is None else x[0, piece].numpy() for x in (p.content, p.begin, p.end)]
        assert rows[0] is not None
        chain.push(*rows)
        position = piece.stop
        if position == n:
            break
    path = chain.finish()
    return chain.score, path


@needs_native
@settings(max_examples=60, deadline=None)
@given(potentials())
def test_native_paths_of_small_chains_are_best(p: Potentials) -> None:
    check_best_path(semicrf_native, p)


@needs_native
@settings(max_examples=25, deadline=None)
@given(wide_potentials())
def test_native_paths_are_best(p: Potentials) -> None:
    check_best_path(semicrf_native, p)


@pytest.mark.parametrize("backend", [pytest.param("native", marks=needs_native), "reference"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 90), max_size=4), tail=st.booleans())
def test_pieces_change_nothing(backend: str, seed: int, sizes: list[int], tail: bool) -> None:
    p = random_potentials(
        1, 150, 12, 4, seed=seed, period=3, tail=tail, boundaries=True, explicit=True, forbidden=0.05, mixed=False
    )
    score, path = in_pieces(p, sizes, backend)
    whole_score, whole_path = in_pieces(p, [], backend)
    assert score == whole_score
    assert torch.equal(path.ends, whole_path.ends)
    assert torch.equal(path.labels, whole_path.labels)
    expected, paths = reference_viterbi(p.expanded())
    np.testing.assert_allclose(score, float(expected[0]), rtol=1e-12)
    assert len(path.ends) == 0 or int(path.ends[-1]) == 150
    assert len(paths[0].ends) == 0 or torch.equal(path.ends, paths[0].ends)


@needs_native
def test_what_is_settled_early_is_what_the_whole_chain_says() -> None:
    """A chain longer than the distance between two settlings, decoded at once by the same kernel as two halves."""
    n, generator = 700_000, np.random.default_rng(3)
    labels = np.repeat(generator.integers(0, 3, n // 200 + 1), 200)[:n]
    content = generator.normal(size=(n, 3)) + 0.5 * np.eye(3)[labels]
    model = random_potentials(1, 4, 40, 3, seed=5, mixed=False)
    chain = open_stream(model, "native")
    for start in range(0, n, 50_000):
        chain.push(content[start : start + 50_000])
    path = chain.finish()
    p = Potentials(
        content=torch.from_numpy(content)[None],
        lengths=torch.tensor([n]),
        transition=model.transition,
        duration=model.duration,
        tail=model.tail,
        start=model.start,
        final=model.final,
    )
    scores, paths = best_paths(p)
    assert chain.score == float(scores[0])
    assert torch.equal(path.ends, paths[0].ends)
    assert int(path.durations.sum()) == n
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(content, axis=0)])
    starts, ends, chosen = path.starts.numpy(), path.ends.numpy(), path.labels.numpy()
    table, tails = model.duration.numpy(), model.tail.numpy()
    lengths = np.minimum(ends - starts, 40)
    total = (sums[ends, chosen] - sums[starts, chosen] + table[lengths - 1, chosen]).sum()
    total += ((ends - starts - lengths) * np.where(ends - starts > 40, tails[chosen], 0.0)).sum()
    total += model.transition[0].numpy()[chosen[:-1], chosen[1:]].sum()
    total += float(model.start[chosen[0]] + model.final[chosen[-1]])
    np.testing.assert_allclose(total, chain.score, rtol=1e-9)


def test_without_the_native_kernel_the_chain_is_decoded_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "library", lambda: None)
    p = random_potentials(1, 40, 6, 3, seed=2, boundaries=True, mixed=False)
    score, path = in_pieces(p, [7, 9], "auto")
    expected, paths = reference_viterbi(p)
    assert score == float(expected[0])
    assert torch.equal(path.ends, paths[0].ends)
    with pytest.raises(InputError, match="no native kernel: it was not built; give auto"):
        open_stream(p, "native")


def test_rows_of_another_width_are_refused() -> None:
    p = random_potentials(1, 4, 2, 3, mixed=False)
    with pytest.raises(InputError, match=r"push\.content: shape \(4, 2\); give \(n, 3\)"):
        open_stream(p, "auto").push(np.zeros((4, 2)))
