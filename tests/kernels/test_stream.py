"""The best segmentation of a chain in pieces: the reference's, whatever the pieces."""

from __future__ import annotations

import resource

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.backend_contract import check_best_path, wide_potentials
from tests.kernels.enumerate_segmentations import one
from tests.kernels.random_potentials import random_potentials

from genescribe.crf.score import Segments, score
from genescribe.errors import InputError
from genescribe.kernels import native_library
from genescribe.kernels.semicrf import native as semicrf_native
from genescribe.kernels.semicrf import viterbi_stream as stream
from genescribe.kernels.semicrf.blocked import best as blocked_best
from genescribe.kernels.semicrf.blocked import dispatch as semicrf_blocked
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.kernels.semicrf.reference import viterbi as reference_viterbi
from genescribe.kernels.semicrf.viterbi_stream import ViterbiStream

needs_native = pytest.mark.skipif(native_library.library() is None, reason="the native kernels were not built here")
native = pytest.param("native", marks=needs_native)


def open_stream(p: Potentials, backend: str) -> ViterbiStream:
    phase = 0 if p.phase_offset is None else int(p.phase_offset[0])
    model = (p.transition, p.duration, p.tail, p.start, p.final)
    return ViterbiStream(*model, explicit=p.explicit, phase_offset=phase, backend=backend)


def in_pieces(p: Potentials, sizes: list[int], backend: str) -> tuple[float, Segmentation]:
    """Decode the first chain of `p` in pieces of the given sizes, the last as long as it takes."""
    chain, n, position = open_stream(p, backend), int(p.lengths[0]), 0
    for size in [*sizes, n]:
        piece = slice(position, min(position + size, n))
        content, begin, end = (None if x is None else x[0, piece] for x in (p.content, p.begin, p.end))
        assert content is not None
        chain.push(content, begin, end)
        position = piece.stop
        if position == n:
            break
    path = chain.finish()
    return chain.score, path


def same(a: tuple[float, Segmentation], b: tuple[float, Segmentation]) -> bool:
    return a[0] == b[0] and torch.equal(a[1].ends, b[1].ends) and torch.equal(a[1].labels, b[1].labels)


def check_path(p: Potentials, found: tuple[float, Segmentation]) -> None:
    """Check that the score is the best one, and that of the path."""
    expected, _ = reference_viterbi(p.expanded())
    np.testing.assert_allclose(found[0], float(expected[0]), rtol=1e-12, atol=1e-9)
    if found[0] == -np.inf:
        assert len(found[1].ends) == 0
    else:
        np.testing.assert_allclose(float(score(one(p, 0), Segments.of([found[1]]))[0]), found[0], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("backend", [native, "blocked", "reference"])
@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(0, 90), max_size=4),
    tail=st.booleans(),
    forbidden=st.sampled_from([0.0, 0.05, 0.3]),
)
def test_pieces_change_nothing(backend: str, seed: int, sizes: list[int], tail: bool, forbidden: float) -> None:
    p = random_potentials(
        1, 150, 45, 4, seed=seed, period=3, tail=tail, boundaries=True, explicit=True, forbidden=forbidden, mixed=False
    )
    found = in_pieces(p, sizes, backend)
    assert same(found, in_pieces(p, [], backend))
    check_path(p, found)


@pytest.mark.parametrize("backend", [native, "blocked"])
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    tail=st.booleans(),
    forbidden=st.sampled_from([0.0, 0.005, 0.05]),
    K=st.integers(1, 80),
    scale=st.sampled_from([0.1, 1.0]),
    n=st.sampled_from([225, 255, 256, 257, 481, 500]),
)
def test_messages_between_parts_are_exact(
    backend: str, seed: int, tail: bool, forbidden: float, K: int, scale: float, n: int
) -> None:
    """Parts of one or two blocks: messages and, in the native kernel, settled and remembered segments all the time.

    The last part may be the eighth, after which the kernel would look what is settled, and may end within a block.
    """
    p = random_potentials(
        1, n, K, 3, seed=seed, period=3, tail=tail, boundaries=True, explicit=True, forbidden=forbidden, mixed=False,
        scale=scale,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "PART", 2 * blocked_best.SIZE)
        patch.setattr(semicrf_native, "PART", 32)
        check_path(p, in_pieces(p, [5, 200], backend))


@needs_native
@settings(max_examples=15, deadline=None)
@given(wide_potentials())
def test_censored_edges_pass_messages_too(p: Potentials) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(semicrf_native, "PART", 32)
        check_best_path(semicrf_native, p)


def long_chain(n: int, labels: int, duration: int, seed: int) -> Potentials:
    """Return a chain in which labels persist for some hundred bases, and follow others only.

    (A label that may follow itself can be cut anywhere in its tail, all cuts being equally good.)
    """
    generator = np.random.default_rng(seed)
    chosen = np.repeat(generator.integers(0, labels, n // 200 + 1), 200)[:n]
    content = (
        generator.normal(size=(1, n, labels)).astype(np.float32)
        + np.float32(0.5) * np.eye(labels, dtype=np.float32)[chosen]
    )
    model = random_potentials(1, 4, duration, labels, seed=seed, mixed=False)
    itself = torch.eye(labels, dtype=torch.bool)
    return Potentials(
        content=torch.from_numpy(content),
        lengths=torch.tensor([n]),
        transition=(model.transition - 3.0).masked_fill(itself, -torch.inf),
        duration=model.duration,
        tail=model.tail.clamp(max=-0.01),
        start=model.start,
        final=model.final,
    )


@needs_native
def test_a_long_chain_in_odd_pieces_is_the_chain_at_once() -> None:
    p = long_chain(40_000, 3, 40, seed=5)
    pieces = in_pieces(p, [7, 25_000, 33, 1], "native")
    scores, paths = semicrf_native.viterbi(p)
    assert same(pieces, (float(scores[0]), paths[0]))
    expected = in_pieces(p, [], "blocked")
    np.testing.assert_allclose(pieces[0], expected[0], rtol=1e-13)
    assert torch.equal(pieces[1].ends, expected[1].ends)
    assert torch.equal(pieces[1].labels, expected[1].labels)


@needs_native
def test_every_instruction_set_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    p = random_potentials(3, 150, 40, 5, period=3, boundaries=True, left=True, right=True, forbidden=0.1, explicit=True)
    found = []
    for isa in native_library.instruction_sets():
        monkeypatch.setattr(native_library, "ISA", isa.encode())
        found.append(semicrf_native.viterbi(p))
    for scores, paths in found[1:]:
        assert torch.equal(scores, found[0][0])
        assert all(torch.equal(a.ends, b.ends) for a, b in zip(paths, found[0][1], strict=True))


def test_without_the_native_kernel_auto_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "library", lambda: None)
    p = random_potentials(1, 40, 6, 3, seed=2, boundaries=True, mixed=False)
    scores, paths = semicrf_blocked.viterbi(p)
    assert same(in_pieces(p, [7, 9], "auto"), (float(scores[0]), paths[0]))
    with pytest.raises(InputError, match="no native kernel: it was not built; give auto"):
        open_stream(p, "native")


def test_bad_pushes_are_refused() -> None:
    p = random_potentials(1, 4, 2, 3, mixed=False)
    with pytest.raises(InputError, match=r"push\.content: shape \(4, 2\); give \(n, 3\)"):
        open_stream(p, "auto").push(np.zeros((4, 2)))
    with pytest.raises(InputError, match="unknown backend 'triton'; give one of auto, native, blocked, reference"):
        open_stream(p, "triton")
    with pytest.raises(InputError, match="no base was pushed"):
        open_stream(p, "auto").finish()
    chain = open_stream(p, "auto")
    chain.push(np.zeros((4, 3)))
    with pytest.raises(InputError, match="given in some pushes only; give them in all"):
        chain.push(np.zeros((4, 3)), begin=np.zeros((4, 3)))


@pytest.mark.slow
@needs_native
def test_a_chromosome_is_decoded_in_a_small_memory() -> None:
    n, piece = 15_000_000, 1_000_000
    p = long_chain(piece, 11, 500, seed=7)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chain = open_stream(p, "native")
    for _ in range(n // piece):
        chain.push(p.content[0])
    path = chain.finish()
    assert path.length == n
    assert np.isfinite(chain.score)
    # In KiB: the scores alone would be 660 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024
