"""The rule of `auto` for the library's GPU kernels: a kernel never measured on a GPU is not chosen silently."""

from __future__ import annotations

TRITON_MEASURED = False
"""Whether the Triton kernels were found right and faster than PyTorch on a GPU; until then one asks for them by name.
`benchmarks/gpu.py` measures both."""
