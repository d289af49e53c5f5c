"""The layer of local features in native code against PyTorch, with every instruction set of this processor."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genescribe.kernels import native_library
from genescribe.kernels.cpu import local_features

pytestmark = pytest.mark.skipif(
    native_library.library() is None,
    reason="the native library was not built: `pip install -e .` with a C++17 compiler",
)

# Channels, outputs, taps, bases: tails shorter than what is worked on together, panels of vectors and what is left.
SHAPES = [(37, 48, 9, 301), (48, 48, 9, 100), (48, 64, 1, 77), (5, 32, 3, 20), (3, 16, 5, 2), (16, 96, 1, 9)]


def layer_of(
    inputs: int, outputs: int, taps: int, bases: int
) -> tuple[Tensor, Tensor, nn.Conv1d | nn.Linear, nn.LayerNorm]:
    """Return random input of two sequences, their mask, a convolution and a norm."""
    torch.manual_seed(inputs * taps)
    convolution = nn.Conv1d(inputs, outputs, taps, padding=taps // 2) if taps > 1 else nn.Linear(inputs, outputs)
    norm = nn.LayerNorm(outputs)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    mask = torch.ones(2, bases, 1)
    mask[1, bases // 2 :] = 0
    return 2 * torch.randn(2, bases, inputs) * mask, mask, convolution, norm


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_it_agrees_with_pytorch(isa: str, shape: tuple[int, int, int, int]) -> None:
    x, mask, convolution, norm = layer_of(*shape)
    assert local_features.takes(x, convolution)
    before = torch.randn(2, x.shape[1], shape[1]) if shape[2] == 1 else None
    residual = shape[0] == shape[1]
    found = local_features.layer(x, convolution, norm, mask, before=before, residual=residual)
    expected = local_features.reference(x, convolution, norm, mask, before=before, residual=residual)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)
    assert not found[1, x.shape[1] // 2 :].any()


@torch.no_grad()
def test_a_base_does_not_depend_on_where_it_stands_in_the_call(isa: str) -> None:
    x, _, convolution, norm = layer_of(12, 48, 5, 60)
    whole = local_features.layer(x[:1], convolution, norm, None)
    part = local_features.layer(x[:1, 13:50], convolution, norm, None)
    assert torch.equal(whole[:, 15:48], part[:, 2:35])


def test_gradients_go_through_pytorch() -> None:
    x, mask, convolution, norm = layer_of(5, 32, 3, 20)
    assert not local_features.takes(x, convolution)
    local_features.layer(x, convolution, norm, mask).sum().backward()
    assert convolution.weight.grad is not None


@torch.no_grad()
def test_other_types_and_widths_go_through_pytorch() -> None:
    x, _, convolution, norm = layer_of(5, 32, 3, 20)
    assert not local_features.takes(x.double(), convolution)
    assert not local_features.takes(x, nn.Conv1d(5, 33, 3))
    assert torch.equal(
        local_features.layer(x.double(), convolution.double(), norm.double(), None),
        local_features.reference(x.double(), convolution, norm, None),
    )
