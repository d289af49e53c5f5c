"""A layer of local features along sequences: GELU(LayerNorm(convolution + before)) + after.

Plain PyTorch, differentiable and on any device; and without gradients on the CPU one pass of native code, which keeps
what stands between convolution and result in registers.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

from genescribe.kernels import native_library


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "inputs", "outputs", "taps")),
        *(
            (name, ctypes.c_void_p)
            for name in ("input", "weights", "bias", "gain", "shift", "before", "after", "output")
        ),
        ("epsilon", ctypes.c_float),
    ]


def layer(
    x: Tensor,
    convolution: nn.Conv1d | nn.Linear,
    norm: nn.LayerNorm,
    mask: Tensor | None,
    *,
    before: Tensor | None = None,
    residual: bool = False,
) -> Tensor:
    """Return the layer's features, (B, T, W), by the implementation that suits the input.

    Parameters
    ----------
    x : (B, T, F)
        Zero past a sequence's end.
    convolution
        Of F to W channels, centred; a linear map is one of a single tap.
    norm
        Layer norm over the W channels, before the GELU.
    mask : (B, T, 1) or None
        1 on the bases of each sequence, 0 past its end; None: bases everywhere.
    before : (B, T, W) or None
        Added to the output of the convolution, before the norm.
    residual
        Whether `x` is added to the result; F is W then.
    """
    if takes(x, convolution):
        return _native(x, convolution, norm, mask, before, residual)
    return reference(x, convolution, norm, mask, before=before, residual=residual)


def reference(
    x: Tensor,
    convolution: nn.Conv1d | nn.Linear,
    norm: nn.LayerNorm,
    mask: Tensor | None,
    *,
    before: Tensor | None = None,
    residual: bool = False,
) -> Tensor:
    """Return the layer's features by PyTorch; see `layer`."""
    y = convolution(x.transpose(1, 2)).transpose(1, 2) if isinstance(convolution, nn.Conv1d) else convolution(x)
    y = nn.functional.gelu(norm(y if before is None else y + before))
    y = x + y if residual else y
    return y if mask is None else y * mask


def takes(x: Tensor, convolution: nn.Conv1d | nn.Linear) -> bool:
    """Whether the native code takes this input: float32 on the CPU, no gradients wanted, whole vectors of outputs."""
    library = native_library.library()
    if library is None or torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
        return False
    weight = convolution.weight
    alike = all(value.dtype == torch.float32 and value.device.type == "cpu" for value in (x, weight))
    return alike and len(weight) % library.genescribe_lanes(native_library.ISA) == 0


def _native(
    x: Tensor,
    convolution: nn.Conv1d | nn.Linear,
    norm: nn.LayerNorm,
    mask: Tensor | None,
    before: Tensor | None,
    residual: bool,
) -> Tensor:
    weight = convolution.weight
    taps = weight.shape[2] if weight.dim() == 3 else 1
    # (taps, F, W): what one input touches stands side by side.
    packed = (weight.permute(2, 1, 0) if weight.dim() == 3 else weight.t()).contiguous()
    B, T, _ = x.shape
    # Past a sequence's end the layer is zero.
    out = torch.empty(B, T, len(weight)) if mask is None else torch.zeros(B, T, len(weight))
    lengths = [T] * B if mask is None else mask.sum(dim=(1, 2)).long().tolist()
    bias = torch.zeros(len(weight)) if convolution.bias is None else convolution.bias
    vectors = [value.detach().contiguous() for value in (bias, norm.weight, norm.bias)]
    x = x.contiguous()
    context = None if before is None else before.contiguous()
    for b, rows in enumerate(lengths):
        call = _Layer(
            rows=rows,
            inputs=x.shape[2],
            outputs=len(weight),
            taps=taps,
            input=x[b].data_ptr(),
            weights=packed.data_ptr(),
            **{name: value.data_ptr() for name, value in zip(("bias", "gain", "shift"), vectors, strict=True)},
            before=None if context is None else context[b].data_ptr(),
            after=x[b].data_ptr() if residual else None,
            output=out[b].data_ptr(),
            epsilon=norm.eps,
        )
        library = native_library.library()
        assert library is not None, "`takes` was not asked"
        native_library.check(library.genescribe_local_layer(ctypes.byref(call), native_library.ISA))
    return out
