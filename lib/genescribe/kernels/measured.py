"""The one rule of `auto` for kernels of our own on GPUs: what was never measured on one is not chosen silently."""

from __future__ import annotations

TRITON_MEASURED = False
"""Whether the Triton kernels were found right and faster than PyTorch on a GPU; until then one asks for them by name.
`benchmarks/gpu.py` measures both."""
