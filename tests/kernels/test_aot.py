"""Every Triton kernel compiles ahead of time, in a process that does not interpret kernels; no GPU is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is an optional dependency; its kernels are not there without it")

KEYS = """
import json
from triton.backends.compiler import GPUTarget
from triton.compiler.compiler import make_backend
from triton.runtime.jit import create_function_from_signature
from genescribe.kernels import aot

def program_key(launch):
    # By this key triton tells programs apart: launches of equal keys share a compiled program.
    kernel = launch.kernel
    bind = create_function_from_signature(kernel.signature, kernel.params, make_backend(GPUTarget("cuda", 90, 32)))
    _, specialization, options = bind(**launch.arguments, num_warps=launch.warps)
    return f"{kernel.__name__} {specialization} {options}"

shapes = [(1, 16, 1), (1, 17, 20), (2, 256, 100), (16, 400, 33), (3, 333, 50)]
keys = [[program_key(launch) for launch in aot.launches(aot.example(11, K, options, B, T))]
        for options in (False, True) for B, T, K in shapes]
print(json.dumps(keys))
"""

KERNELS = {"recurrence", "count_durations", "best_scores", "walk_back"}
ATTENTION = {"see_forward", "see_backward_queries", "see_backward_keys"}


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program that compiles, with a cache of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(folder / "cache")
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False, timeout=600
    )


def test_every_kernel_compiles_and_fits_the_registers(repository: Path, tmp_path: Path) -> None:
    done = _run(tmp_path, str(repository / "benchmarks/triton_aot.py"), "--write", str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "triton_aot.json").read_text())["kernels"]
    by_target = Counter((usage["kernel"], usage["target"]) for usage in found)
    assert set(by_target) == {(kernel, target) for kernel in KERNELS | ATTENTION for target in (80, 90)}
    for usage in found:
        assert 0 < usage["registers"] <= 255
        products = usage["kernel"] == "recurrence" and usage["case"].endswith("tensor cores")
        # Tensor cores in double precision for far sums; in bf16 for attention, whose blocks of 64 fill Hopper's own.
        assert ("DMMA" in usage["matrix"]) == products, usage
        if usage["case"].startswith("attention, blocks of 64"):
            assert ("HGMMA" if usage["target"] == 90 else "HMMA") in usage["matrix"], usage
        if usage["kernel"] in ATTENTION:
            # Triton asks for more than 48 KiB itself; of 163 on an A100 two blocks of 64 find room, and one of 128.
            assert usage["shared"] <= (64 if "128" not in usage["case"] else 100) * 1024, usage
            assert max(usage["spill_stores"], usage["spill_loads"]) <= (0 if "128" not in usage["case"] else 256), usage
            continue
        # A block of an A100 or H100 may have 48 KiB without asking.
        assert usage["shared"] <= 48 * 1024
        # Far sums on tensor cores are not in use; ptxas gives up some words of its own accord.
        most = (32 if products else 0) if usage["case"].startswith("11 labels") else 256
        assert max(usage["spill_stores"], usage["spill_loads"]) <= most, usage
    table = (tmp_path / "triton_aot.md").read_text()
    assert all(f"| {kernel} |" in table for kernel in KERNELS | ATTENTION)


def test_a_new_batch_length_or_duration_does_not_compile_again(tmp_path: Path) -> None:
    done = _run(tmp_path, "-c", KEYS)
    assert done.returncode == 0, done.stderr
    plain, general = (json.loads(done.stdout)[i : i + 5] for i in (0, 5))
    for shapes in (plain, general):
        assert {key.split()[0] for keys in shapes for key in keys} == KERNELS
        assert all(keys == shapes[0] for keys in shapes)
    # The options are compiled in, so that the check above can fail.
    assert plain[0] != general[0]


def test_interpreted_kernels_are_not_compiled(repository: Path) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    program = [sys.executable, str(repository / "benchmarks/triton_aot.py")]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 2
    assert "TRITON_INTERPRET" in done.stderr
