"""A linear map of rows in native code: each row by itself, so that its bits do not depend on the rows beside it.

What a matrix product of a BLAS library gives for a row may depend on how many rows it is given.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

from genescribe.kernels import native_library


class _Map(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "inputs", "outputs")),
        *((name, ctypes.c_void_p) for name in ("input", "weights", "bias", "output")),
    ]


def linear(x: Tensor, layer: nn.Linear) -> Tensor:
    """Return `layer` of x, (..., outputs), by the implementation that suits the input.

    Parameters
    ----------
    x : (..., inputs)
        Rows.
    layer
        Layer with its weights and bias.
    """
    return _native(x, layer) if takes(x, layer) else layer(x)


def takes(x: Tensor, layer: nn.Linear) -> bool:
    """Whether the native code takes this input: float32 on the CPU, no gradients wanted."""
    if torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type) or native_library.library() is None:
        return False
    return all(value.dtype == torch.float32 and value.device.type == "cpu" for value in (x, layer.weight))


def _native(x: Tensor, layer: nn.Linear) -> Tensor:
    library = native_library.library()
    assert library is not None, "`takes` was not asked"
    outputs, inputs = layer.weight.shape
    # Whole vectors of outputs.
    spare = -outputs % library.genescribe_lanes(native_library.ISA)
    weights = nn.functional.pad(layer.weight.detach().t(), (0, spare)).contiguous()
    bias = torch.zeros(outputs) if layer.bias is None else layer.bias.detach()
    bias = nn.functional.pad(bias, (0, spare)).contiguous()
    rows = x.contiguous()
    out = torch.empty(*x.shape[:-1], outputs + spare)
    call = _Map(
        rows=rows.numel() // inputs,
        inputs=inputs,
        outputs=outputs + spare,
        input=rows.data_ptr(),
        weights=weights.data_ptr(),
        bias=bias.data_ptr(),
        output=out.data_ptr(),
    )
    native_library.check(library.genescribe_linear_map(ctypes.byref(call), native_library.ISA))
    return out[..., :outputs]
