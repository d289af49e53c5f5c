"""A linear map in native code against PyTorch, with every instruction set of this processor."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genescribe.kernels import native_library
from genescribe.kernels.cpu.linear_map import linear, takes

pytestmark = pytest.mark.skipif(
    native_library.library() is None,
    reason="the native library was not built: `pip install -e .` with a C++17 compiler",
)


@pytest.mark.parametrize(("inputs", "outputs", "bias"), [(432, 128, True), (48, 14, True), (5, 3, False)])
@torch.no_grad()
def test_it_agrees_with_pytorch_and_a_row_does_not_depend_on_others(
    isa: str, inputs: int, outputs: int, bias: bool
) -> None:
    torch.manual_seed(outputs)
    layer, x = nn.Linear(inputs, outputs, bias=bias), torch.randn(3, 67, inputs)
    assert takes(x, layer)
    found = linear(x, layer)
    torch.testing.assert_close(found, layer(x), atol=1e-5, rtol=1e-5)
    for row in (0, 1, 66):
        assert torch.equal(linear(x[1, row], layer), found[1, row])
    for rows in (2, 5, 9, 16):
        assert torch.equal(linear(x[:1, -rows:], layer), found[:1, -rows:])


def test_gradients_are_those_of_pytorch() -> None:
    layer, x = nn.Linear(4, 3), torch.randn(2, 4, requires_grad=True)
    assert not takes(x, layer)
    assert linear(x, layer).grad_fn is not None
