"""Both directions of a layer of an LSTM in native code: without gradients, on the CPU.

PyTorch's own LSTM is the reference, and what trains. Here every sequence is read to its own length in both directions
without being turned round, and both write into one output.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

from genescribe.kernels import native_library


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "steps", "inputs", "hidden", "stride", "leftward")),
        *((name, ctypes.c_void_p) for name in ("lengths", "input", "weights", "recurrent", "bias", "output")),
    ]


def takes(x: Tensor, layers: tuple[nn.LSTM, nn.LSTM]) -> bool:
    """Whether the native code takes this input: float32 on the CPU, no gradients wanted, whole vectors of units."""
    library = native_library.library()
    if library is None or torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
        return False
    lanes = library.genescribe_lanes(native_library.ISA)
    alike = all(value.dtype == torch.float32 and value.device.type == "cpu" for value in (x, *layers[0].parameters()))
    return alike and all(layer.hidden_size % lanes == 0 for layer in layers)


def both_ways(x: Tensor, layers: tuple[nn.LSTM, nn.LSTM], lengths: Tensor) -> Tensor:
    """Return the states of every step, those of the two directions side by side; zero past a sequence's end.

    Parameters
    ----------
    x : (B, S, D) float32
        Features of each step, for which `takes` is true.
    layers
        Single layers, batch first: from each sequence's first step on, and from its last step back.
    lengths : (B,) int64
        Steps of each, at most S.
    """
    library = native_library.library()
    assert library is not None, "`takes` was not asked"
    x, steps = x.contiguous(), lengths.to(torch.int64).contiguous()
    width = sum(layer.hidden_size for layer in layers)
    states = torch.zeros(*x.shape[:2], width)
    alive, slots, first = [x, steps, states], [], 0
    for leftward, layer in enumerate(layers):
        parameters = dict(layer.named_parameters())
        # Transposed, so that one input meets neighbouring weights: whole vectors of units are added at a time.
        weights, recurrent = (parameters[f"weight_{part}_l0"].detach().t().contiguous() for part in ("ih", "hh"))
        # PyTorch keeps two biases, for the sake of cuDNN; only their sum counts.
        bias = (parameters["bias_ih_l0"] + parameters["bias_hh_l0"]).detach()
        alive += [weights, recurrent, bias]
        slots.append(
            _Layer(
                batch=len(x),
                steps=x.shape[1],
                inputs=x.shape[2],
                hidden=layer.hidden_size,
                stride=width,
                leftward=leftward,
                lengths=steps.data_ptr(),
                input=x.data_ptr(),
                weights=weights.data_ptr(),
                recurrent=recurrent.data_ptr(),
                bias=bias.data_ptr(),
                output=states.data_ptr() + first * states.element_size(),
            )
        )
        first += layer.hidden_size
    failed = library.genescribe_lstm_layers(
        (_Layer * len(slots))(*slots),
        ctypes.c_int64(len(slots)),
        ctypes.c_int64(torch.get_num_threads()),
        native_library.ISA,
    )
    native_library.check(failed)
    # The addresses above are of these tensors: they live until here.
    del alive
    return states
