"""Triton kernels compiled ahead of time, without a GPU, and the resources they need.

Every kernel is compiled for real launches: those of small inputs that between them switch on every option of the
kernels. Registers and spills are those that `ptxas`, which comes with triton, reports for the PTX.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genescribe.errors import InputError
from genescribe.kernels.semicrf.blocked.counts import Posterior
from genescribe.kernels.semicrf.potentials import Potentials

TARGETS = (80, 90)
"""Compute capabilities: A100 and H100."""

CASES: dict[str, dict[str, Any]] = {
    "11 labels": {"C": 11, "K": 500, "options": False},
    "11 labels, all options": {"C": 11, "K": 500, "options": True},
    "47 labels, all options": {"C": 47, "K": 500, "options": True},
}
"""Inputs whose launches are compiled: options are tails, forbidden bases, censored edges, period 3."""

MATRIX = ("DMMA", "HMMA", "HGMMA")
"""Instructions of tensor cores: in double precision, of a warp, and of four warps (Hopper)."""

ATTENTION: dict[str, dict[str, Any]] = {
    "attention, blocks of 16, slopes": {"block": 16, "width": 32, "dtype": torch.float32, "slopes": True},
    "attention, blocks of 64": {"block": 64, "width": 64, "dtype": torch.bfloat16, "slopes": False},
    "attention, blocks of 128, slopes": {"block": 128, "width": 64, "dtype": torch.bfloat16, "slopes": True},
}
"""Likewise of block-sparse attention."""


@dataclass(frozen=True)
class Usage:
    """Resources of one compiled kernel.

    Attributes
    ----------
    kernel, case : str
    target : int
        Compute capability, 80 or 90.
    warps : int
        Warps a program.
    registers : int
        Of a thread; 255 at most.
    spill_stores, spill_loads : int
        Bytes of a thread that do not fit the registers.
    stack : int
        Bytes of a thread.
    shared : int
        Bytes of a program.
    matrix : str
        Instructions of tensor cores in the program, by name (`MATRIX`).
    """

    kernel: str
    case: str
    target: int
    warps: int
    registers: int
    spill_stores: int
    spill_loads: int
    stack: int
    shared: int
    matrix: str


def compile_all(targets: tuple[int, ...] = TARGETS) -> list[Usage]:
    """Compile every kernel for every target; the recurrence of log Z also with far sums on tensor cores.

    Raises
    ------
    InputError
        Where triton is set to interpret: its kernels can then not be compiled.
    """
    import triton

    from genescribe.kernels.triton_launch import GROUP, Tiles

    if triton.knobs.runtime.interpret:
        raise InputError("triton interprets its kernels", where="TRITON_INTERPRET", remedy="unset it to compile them")
    seen = set()
    usages = []
    cases = {case: launches(example(**options)) for case, options in CASES.items()}
    for case, options in CASES.items():
        products = Tiles.of(options["C"], group=GROUP)
        if products in Tiles.candidates(options["C"]):
            cases[f"{case}, {products}"] = recurrences(example(**options), products)
    cases |= {case: attention_launches(**options) for case, options in ATTENTION.items()}
    for case, made in cases.items():
        for launch in made:
            key = (launch.kernel.__name__, str(signature(launch)), str(constants(launch)), launch.warps)
            if key not in seen:
                seen.add(key)
                usages += [_compile(launch, case, target) for target in targets]
    return usages


def example(C: int, K: int, options: bool, B: int = 2, T: int = 40) -> Potentials:
    """Return an input with or without the options of the kernels.

    Parameters
    ----------
    C, K
        Number of labels, and durations that have a score of their own.
    options
        With boundary scores, phases, censored ends and forbidden contents.
    B, T
        Numbers of chains and of bases.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    content = normal(B, T, C)
    if options:
        content[0, 3, 0] = -torch.inf
    return Potentials(
        content=content,
        lengths=torch.full((B,), T),
        transition=normal(3 if options else 1, C, C),
        duration=normal(K, C),
        tail=torch.full((C,), -0.1 if options else -torch.inf),
        start=normal(C),
        final=normal(C),
        arrive=normal(B, T + 1, C) if options else None,
    )


def launches(p: Potentials) -> Iterator[Any]:
    """Yield a `Launch` of each kernel on `p`; their results are not computed."""
    from genescribe.kernels.semicrf.triton import sum as triton_sum
    from genescribe.kernels.semicrf.triton import viterbi as triton_viterbi
    from genescribe.kernels.semicrf.triton.durations import DurationCounts
    from genescribe.kernels.semicrf.triton.layout import FarTable, lay_out_chains

    layout, durations = lay_out_chains(p, both=True)
    run = triton_sum.Run.empty(layout, durations)
    yield triton_sum.launch(layout, run)
    yield DurationCounts(Posterior(p, layout, durations, run.scores), run).launch()[0]
    layout, durations = lay_out_chains(p, both=False)
    best = triton_viterbi.BestScores.empty(layout)
    yield triton_viterbi.best_launch(layout, FarTable.of(durations, layout.blocks), best)
    yield triton_viterbi.walk_launch(best, p.lengths, p.lengths, p.lengths)[0]


def recurrences(p: Potentials, tiles: Any) -> Iterator[Any]:
    """Yield the `Launch` of the recurrence of log Z with these sizes.

    Parameters
    ----------
    p
        Example of an input.
    tiles : Tiles
        See `genescribe.kernels.triton_launch`.
    """
    from genescribe.kernels.semicrf.triton import sum as triton_sum
    from genescribe.kernels.semicrf.triton.layout import lay_out_chains

    layout, durations = lay_out_chains(p, both=True)
    yield triton_sum.launch(layout, triton_sum.Run.empty(layout, durations), tiles)


def attention_launches(
    block: int, width: int, dtype: torch.dtype, slopes: bool, B: int = 1, heads: int = 2, S: int = 300
) -> Iterator[Any]:
    """Yield a `Launch` of each kernel of block-sparse attention.

    Parameters
    ----------
    block, width
        Steps of a block and channels of a head.
    dtype
        Type of queries, keys and values.
    slopes
        Whether scores fall with the distance (ALiBi).
    B, heads, S
        Batch, heads and steps.
    """
    from genescribe.kernels.attention import triton_block_sparse as kernels
    from genescribe.kernels.attention.block_layout import SparseConfig, block_layout

    q, k, v, gradient, out, *gradients = (torch.zeros(B, heads, S, width, dtype=dtype) for _ in range(8))
    log_sums, along = torch.zeros(B, heads, S), torch.zeros(B, heads, S)
    shared = kernels.shared_arguments(
        q,
        torch.full((B,), S, dtype=torch.int32),
        block_layout(S, SparseConfig(block, block)),
        torch.ones(heads) if slopes else None,
    )
    yield kernels.forward_launch(q, k, v, out, log_sums, shared)
    yield from kernels.backward_launches(q, k, v, gradient, log_sums, along, gradients, shared)


def signature(launch: Any) -> dict[str, str]:
    """Return the type of each argument of a launch, as triton's compiler names it."""
    kinds = {torch.float64: "*fp64", torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16"}
    kinds |= {torch.int64: "*i64", torch.int32: "*i32"}
    types = {}
    for parameter in launch.kernel.params:
        value = launch.arguments[parameter.name]
        if parameter.is_constexpr or value is None:
            types[parameter.name] = "constexpr"
        elif isinstance(value, torch.Tensor):
            types[parameter.name] = kinds[value.dtype]
        else:
            types[parameter.name] = "fp32" if isinstance(value, float) else "i32"
    return types


def constants(launch: Any) -> dict[str, Any]:
    """Return the arguments that are compiled in."""
    return {name: launch.arguments[name] for name, kind in signature(launch).items() if kind == "constexpr"}


def _compile(launch: Any, case: str, target: int) -> Usage:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    types = signature(launch)
    # PyTorch's memory is aligned: what triton finds out of the tensors at a launch.
    aligned = {(i,): [["tt.divisibility", 16]] for i, kind in enumerate(types.values()) if kind.startswith("*")}
    source = ASTSource(launch.kernel, types, constants(launch), aligned)
    compiled = triton.compile(source, target=GPUTarget("cuda", target, 32), options={"num_warps": launch.warps})
    return Usage(
        kernel=launch.kernel.__name__,
        case=case,
        target=target,
        warps=launch.warps,
        shared=compiled.metadata.shared,
        **_assemble(compiled.asm["ptx"]),
    )


def _assemble(ptx: str) -> dict[str, Any]:
    """Return the report of ptxas on a program, and its instructions of tensor cores."""
    import triton

    architecture = re.search(r"^\.target (\w+)", ptx, re.MULTILINE)
    assert architecture is not None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(ptx, encoding="utf-8")
        command = [triton.knobs.nvidia.ptxas.path, "-v", "--regAllocOptLevel=2", f"--gpu-name={architecture[1]}"]
        command += [str(source), "-o", str(source.with_suffix(".cubin"))]
        report = subprocess.run(command, check=True, capture_output=True, text=True).stderr
        shown = [triton.knobs.nvidia.nvdisasm.path, "--print-code", str(source.with_suffix(".cubin"))]
        code = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    patterns = {
        "registers": r"Used (\d+) registers",
        "stack": r"(\d+) bytes stack frame",
        "spill_stores": r"(\d+) bytes spill stores",
        "spill_loads": r"(\d+) bytes spill loads",
    }
    matches = {name: re.search(pattern, report) for name, pattern in patterns.items()}
    counts = {name: len(re.findall(rf"\b{name}\.", code)) for name in MATRIX}
    return {name: int(match[1]) for name, match in matches.items() if match is not None} | {
        "matrix": ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    }
