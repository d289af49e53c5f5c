"""Random `Potentials` of every kind, for comparisons between backends and with the enumeration."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from genescribe.kernels.semicrf.potentials import Potentials


def random_potentials(
    B: int,
    T: int,
    K: int,
    C: int,
    *,
    seed: int = 0,
    period: int = 1,
    scale: float = 1.0,
    tail: bool = True,
    boundaries: bool = False,
    left: bool = False,
    right: bool = False,
    mixed: bool = True,
    explicit: bool = False,
    forbidden: float = 0.0,
    dtype: torch.dtype = torch.float64,
) -> Potentials:
    """Return normal scores of the given scale, a share forbidden; with `mixed`, lengths 1..T of which one is T."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        values = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
        values[torch.rand(shape, generator=generator) < forbidden] = -torch.inf
        return values.to(dtype)

    lengths = torch.randint(1, T + 1, (B,), generator=generator) if mixed else torch.full((B,), T)
    lengths[0] = T
    return Potentials(
        content=normal(B, T, C),
        lengths=lengths,
        transition=normal(period, C, C),
        duration=normal(K, C),
        tail=normal(C).sub(0.5) if tail else torch.full((C,), -torch.inf, dtype=dtype),
        start=normal(C),
        final=normal(C),
        begin=normal(B, T, C) if boundaries else None,
        end=normal(B, T, C) if boundaries else None,
        phase_offset=torch.randint(0, 3, (B,), generator=generator) if period > 1 else None,
        arrive=normal(B, T + 1, C) if left else None,
        depart=normal(B, T + 1, C) if right else None,
        spanning=normal(B, C) if left and right else None,
        explicit=torch.randint(1, K + 1, (C,), generator=generator) if explicit else None,
    )


@st.composite
def potentials(draw: st.DrawFn, longest: int = 5, labels: int = 3) -> Potentials:
    """Small inputs of every kind, small enough to enumerate."""
    flag = st.booleans()
    return random_potentials(
        B=draw(st.integers(1, 3)),
        T=draw(st.integers(1, longest)),
        K=draw(st.integers(1, longest + 1)),
        C=draw(st.integers(1, labels)),
        seed=draw(st.integers(0, 2**20)),
        period=draw(st.sampled_from([1, 3])),
        scale=draw(st.sampled_from([0.1, 1.0, 20.0])),
        tail=draw(flag),
        boundaries=draw(flag),
        left=draw(flag),
        right=draw(flag),
        mixed=draw(flag),
        explicit=draw(flag),
        forbidden=draw(st.sampled_from([0.0, 0.1, 0.4])),
        dtype=draw(st.sampled_from([torch.float64, torch.float32])),
    )
