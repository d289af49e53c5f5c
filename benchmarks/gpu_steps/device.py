"""The first step: what the machine is, and what it can do at most."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable

import torch

from genescribe.kernels import native_library
from gpu_steps.step import Context, Row, best_seconds

OPTIONAL = ("triton", "mamba-ssm", "flash-semicrf")
TYPES = {"float64": torch.float64, "float32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


def machine(context: Context, tell: Callable[[Row], None]) -> None:
    """Report the device, the versions, and peaks of copying and of matrix products."""
    device = context.device
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        tell(Row(f"memory of {properties.name}", properties.total_memory / 2**30, "GiB"))
        tell(Row("GPUs", torch.cuda.device_count(), ""))
    tell(Row("CPU cores", os.cpu_count(), ""))
    tell(Row("torch", None, "", note=f"{torch.__version__}, CUDA {torch.version.cuda}"))
    for name in OPTIONAL:
        there = importlib.util.find_spec(name.replace("-", "_")) is not None
        tell(Row(name, None, "", note=importlib.metadata.version(name) if there else "not installed"))
    found = native_library.library() is not None
    tell(Row("native code", None, "", passed=found, note=", ".join(native_library.instruction_sets())))
    size = 1 << (30 if device.type == "cuda" else 22)
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    tell(Row("copy", 2 * size / best_seconds(lambda: target.copy_(source), context) / 1e9, "GB/s"))
    n = 8_192 if device.type == "cuda" else 256
    for name, dtype in TYPES.items():
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        a = torch.randn(n, n, device=device, dtype=dtype)
        seconds = best_seconds(lambda a=a: a @ a, context)  # type: ignore[misc]
        tell(Row(name, 2 * n**3 / seconds / 1e12, "TFLOP/s", note=f"product of {n} x {n}"))
    torch.backends.cuda.matmul.allow_tf32 = False
