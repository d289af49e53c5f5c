"""Both directions of an LSTM in native code against PyTorch, with every instruction set of this processor."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genescribe.kernels import native_library
from genescribe.kernels.cpu import lstm

pytestmark = pytest.mark.skipif(
    native_library.library() is None,
    reason="the native library was not built: `pip install -e .` with a C++17 compiler",
)

# Inputs, units, lengths: one step, chunks of steps and what is left, sequences of all lengths side by side.
SHAPES = [(24, 32, (1,)), (128, 64, (40, 33, 40, 16)), (7, 16, (5, 70, 1, 17, 32, 70, 2, 9, 64))]


def layers_of(inputs: int, units: int, lengths: tuple[int, ...]) -> tuple[Tensor, tuple[nn.LSTM, nn.LSTM], Tensor]:
    """Return random steps, padded with what must not be read, two layers with large weights, and the lengths."""
    torch.manual_seed(inputs)
    layers = (nn.LSTM(inputs, units, batch_first=True), nn.LSTM(inputs, units, batch_first=True))
    for parameter in (*layers[0].parameters(), *layers[1].parameters()):
        nn.init.normal_(parameter, std=0.3)
    x = torch.full((len(lengths), max(lengths), inputs), torch.nan)
    for row, length in enumerate(lengths):
        x[row, :length] = 2 * torch.randn(length, inputs)
    return x, layers, torch.tensor(lengths)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_it_agrees_with_pytorch(isa: str, shape: tuple[int, int, tuple[int, ...]]) -> None:
    x, layers, lengths = layers_of(*shape)
    assert lstm.takes(x, layers)
    found = lstm.both_ways(x, layers, lengths)
    for row, length in enumerate(lengths.tolist()):
        right = layers[0](x[row, :length])[0]
        left = layers[1](x[row, :length].flip(0))[0].flip(0)
        torch.testing.assert_close(found[row, :length], torch.cat([right, left], dim=-1), atol=2e-6, rtol=1e-5)
        assert not found[row, length:].any()


@torch.no_grad()
def test_a_sequence_does_not_depend_on_its_batch(isa: str) -> None:
    x, layers, lengths = layers_of(7, 16, (5, 70, 1, 17, 32, 70, 2, 9, 64))
    whole = lstm.both_ways(x, layers, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = lstm.both_ways(x[row : row + 1, :length], layers, lengths[row : row + 1])
        assert torch.equal(alone[0], whole[row, :length])


@torch.no_grad()
def test_gates_that_are_shut_or_open_give_numbers(isa: str) -> None:
    x, layers, lengths = layers_of(8, 16, (30,))
    found = lstm.both_ways(1e4 * x, layers, lengths)
    assert found.isfinite().all()
    assert found.abs().max() <= 1


def test_gradients_other_types_and_widths_go_through_pytorch() -> None:
    x, layers, _ = layers_of(8, 16, (30,))
    assert not lstm.takes(x, layers)
    with torch.no_grad():
        assert not lstm.takes(x.double(), layers)
        odd = nn.LSTM(8, 5, batch_first=True)
        assert not lstm.takes(x, (odd, odd))
