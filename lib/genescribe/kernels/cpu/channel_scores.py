"""Log posteriors of each base from channel logits, mixed with a share of doubt.

With p the posterior of n channels, f the share of doubt and s the share by which channels that are not coding are told
from each other,

    q_c = (1 - f) p_c + f / n
    Q   = sum of q_c over the channels that are not coding
    y_c = log Q + s (log q_c - log Q)  where c is not coding
    y_c = log q_c                      elsewhere

"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from genescribe.kernels import native_library


class _Call(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "channels")),
        *((name, ctypes.c_void_p) for name in ("logits", "noncoding", "output")),
        *((name, ctypes.c_double) for name in ("floor", "share")),
    ]


def log_posterior(logits: Tensor, noncoding: Tensor, floor: float, share: float) -> Tensor:
    """Return log posteriors, (..., n), by the implementation that suits the input.

    Parameters
    ----------
    logits : (..., n) float
        Score of each channel, not normalised.
    noncoding : (m,) int64
        The channels that are not coding.
    floor
        f, from 0 to 1.
    share
        s, from 0 to 1.
    """
    library = native_library.library()
    plain = logits.dtype == torch.float32 and logits.device.type == "cpu" and not torch.is_grad_enabled()
    # Without doubt a posterior may be zero, and its logarithm is taken another way.
    if library is None or not plain or not floor:
        return reference(logits, noncoding, floor, share)
    logits, posterior = logits.contiguous(), torch.empty(logits.shape)
    n = logits.shape[-1]
    inside = torch.zeros(n, dtype=torch.uint8)
    inside[noncoding] = 1
    call = _Call(
        rows=logits.numel() // n,
        channels=n,
        logits=logits.data_ptr(),
        noncoding=inside.data_ptr(),
        output=posterior.data_ptr(),
        floor=floor,
        share=share,
    )
    native_library.check(library.genescribe_log_posteriors(ctypes.byref(call), native_library.ISA))
    return posterior


def reference(logits: Tensor, noncoding: Tensor, floor: float, share: float) -> Tensor:
    """Return the same by PyTorch, differentiable; see `log_posterior`.

    Parameters
    ----------
    logits : (B, T, channels)
        Scores of channels.
    noncoding : (k,) int64
        Numbers of the channels that do not code.
    floor
        Probability that is mixed in evenly.
    share
        See `log_posterior`.
    """
    posterior = logits.log_softmax(dim=-1)
    if floor:
        posterior = torch.log((1 - floor) * posterior.exp() + floor / logits.shape[-1])
    if share == 1:
        return posterior
    inside = posterior[..., noncoding]
    total = inside.logsumexp(dim=-1, keepdim=True)
    return posterior.index_copy(-1, noncoding, total + share * (inside - total))
