"""CPU seconds of the semi-Markov CRF, one thread, the backends and their published peers side by side in one run.

    python benchmarks/semicrf.py --output benchmarks/results/semicrf.json

A row is forward + backward (log Z and the gradient of everything learned), or the best path with its traceback. Every
figure is the best of some repeats in a process of its own, which also gives its peak memory, imports included. Peers
run where they are importable: pytorch-crf (K = 1) and flash-semicrf.

`share` is what the arithmetic, at the machine's measured multiply-add rate, would take of the time: 3 B T C (K + C)
multiply-adds for forward, backward and the gradient, B T C (K + C) additions with a comparison for the best path. It
can pass 1: entries whose weight is zero in float64 are passed over, and so are those that cannot better a path.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from genescribe.cli import comma_list, parser, run
from genescribe.files import atomic_path, write_json
from genescribe.kernels import native_library
from genescribe.kernels.semicrf import dispatch as semicrf
from genescribe.kernels.semicrf.potentials import Potentials

CASES = {
    "B4 T2000 K100": (4, 2_000, 100, 11, "gradient"),
    "B2 T10000 K500": (2, 10_000, 500, 11, "gradient"),
    "B8 T10000 K1": (8, 10_000, 1, 11, "gradient"),
    "B1 T10000 K500 C47": (1, 10_000, 500, 47, "gradient"),
    "Viterbi B2 T10000 K500": (2, 10_000, 500, 11, "viterbi"),
}
TARGETS = {
    "B4 T2000 K100": {"blocked": 0.12, "native": 0.02},
    "B2 T10000 K500": {"blocked": 0.5, "native": 0.06},
    "B8 T10000 K1": {"blocked": 0.15, "native": 0.08},
    "B1 T10000 K500 C47": {"blocked": 1.0, "native": 0.15},
    "Viterbi B2 T10000 K500": {"blocked": 1.5, "native": 0.03},
}
BACKENDS = ("native", "blocked", "reference")
PEERS = {"pytorch-crf": "torchcrf", "flash-semicrf": "flash_semicrf"}
SLOW = ("reference", "flash-semicrf")
"""Run once, not repeatedly."""

Row = dict[str, object]


def scores(B: int, T: int, K: int, C: int) -> Potentials:
    """Return normal scores: bases of spread 1, transitions and durations of spread 0.1."""
    torch.manual_seed(0)
    never = torch.full((C,), -torch.inf, dtype=torch.float64)
    zero = torch.zeros(C, dtype=torch.float64)
    return Potentials(
        content=torch.randn(B, T, C, dtype=torch.float64).requires_grad_(),
        lengths=torch.full((B,), T),
        transition=(0.1 * torch.randn(1, C, C, dtype=torch.float64)).requires_grad_(),
        duration=(0.1 * torch.randn(K, C, dtype=torch.float64)).requires_grad_(),
        tail=never,
        start=zero,
        final=zero,
    )


def peer(name: str, p: Potentials) -> Callable[[], object]:
    """Return a peer's forward and backward over the same sizes."""
    B, T, K, C = p.shape
    if name == "pytorch-crf":
        from torchcrf import CRF

        crf, tags = CRF(C, batch_first=True).double(), torch.zeros(B, T, dtype=torch.long)
        return lambda: (-crf(p.content, tags)).backward()
    import flash_semicrf

    sums = torch.cat([torch.zeros(B, 1, C, dtype=torch.float64), p.content.detach().cumsum(1)], 1).requires_grad_()
    transition, duration = p.transition[0].detach().requires_grad_(), p.duration.detach().requires_grad_()
    forward = flash_semicrf.semi_crf_streaming_forward
    return lambda: forward(sums, transition, duration, p.lengths, K).sum().backward()


def work(name: str, p: Potentials, task: str) -> Callable[[], object]:
    """Return what is timed."""
    if name in PEERS:
        return peer(name, p)
    if task == "viterbi":
        return lambda: semicrf.viterbi(p.detach(), name)
    return lambda: semicrf.log_partition(p, name).sum().backward()


def measure(case: str, name: str, repeats: int) -> None:
    """Print the figures of one case and backend as JSON; runs in a process of its own."""
    torch.set_num_threads(1)
    *sizes, task = CASES[case]
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    function = work(name, scores(*sizes), task)
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        function()
        best = min(best, time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"cpu_seconds": best, "peak_mib": peak / 1024, "imports_mib": idle / 1024}))


def multiply_adds() -> float:
    """Return the float64 multiply-adds a second of one thread, from the best of some matrix products."""
    torch.set_num_threads(1)
    a, best = torch.randn(768, 768, dtype=torch.float64), float("inf")
    for _ in range(12):
        began = time.process_time()
        a @ a
        best = min(best, time.process_time() - began)
    return 768**3 / best


def arithmetic(B: int, T: int, K: int, C: int, task: str) -> int:
    """Return the multiply-adds (gradient) or additions with a comparison (viterbi) of the factored recurrence."""
    return B * T * C * (K + C) * (3 if task == "gradient" else 1)


def names_of(case: str, backends: list[str], peer_limit: int) -> list[str]:
    """Return the backends and peers that are run on a case."""
    B, T, K, C, task = CASES[case]
    size = B * T * K * C
    if task != "gradient" or size > peer_limit:
        return backends
    importable = [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
    return backends + [name for name in importable if K == 1 or name != "pytorch-crf"]


def rows(cases: list[str], backends: list[str], repeats: int, peer_limit: int, rate: float) -> list[Row]:
    """Measure every case with every backend and the peers that take it."""
    found: list[Row] = []
    for case in cases:
        for name in names_of(case, backends, peer_limit):
            command = [sys.executable, __file__, "--one", case, name, str(1 if name in SLOW else repeats)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{case}: {name} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            figures = json.loads(done.stdout.splitlines()[-1])
            share = arithmetic(*CASES[case]) / (figures["cpu_seconds"] * rate)
            row = {"case": case, "backend": name, **figures, "share": share, "target": TARGETS[case].get(name)}
            found.append(row)
            print(" ".join(cells(row)), flush=True)
    return found


def cells(row: Row) -> list[str]:
    """Return a row as text."""
    seconds, peak, share = (float(str(row[name])) for name in ("cpu_seconds", "peak_mib", "share"))
    target = "-" if row["target"] is None else str(row["target"])
    return [
        f"{row['case']:24}",
        f"{row['backend']:14}",
        f"{seconds:9.4f}",
        f"{target:>5}",
        f"{share:7.1%}",
        f"{peak:5.0f}",
    ]


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def provenance(rate: float) -> dict[str, object]:
    """Return what the figures were measured on."""
    versions = {"torch": str(torch.__version__)}
    for name in PEERS:
        if importlib.util.find_spec(PEERS[name]):
            versions[name] = importlib.metadata.version(name)
    return {
        "processor": processor(),
        "instruction_set": (*native_library.instruction_sets(), "none")[0],
        "versions": versions,
        "multiply_adds_a_second": rate,
    }


def markdown(where: dict[str, object], found: list[Row]) -> str:
    """Return the table with its provenance."""
    header = ["case", "backend", "CPU seconds", "to reach", "share of the multiply-add rate", "peak MiB"]
    lines = [" | ".join(header), " | ".join(["---"] * len(header)), *(" | ".join(cells(row)) for row in found)]
    table = "\n".join(f"| {line} |" for line in lines)
    versions = ", ".join(f"{name} {version}" for name, version in dict(where["versions"]).items())  # type: ignore[call-overload]
    machine = f"{where['processor']} ({where['instruction_set']}), {float(str(where['multiply_adds_a_second'])):.3g}"
    return (
        "# Semi-Markov CRF: one thread\n\n"
        "Forward + backward in float64, or the best path; `benchmarks/semicrf.py` says what is measured and what the "
        f"share means.\n\n{machine} multiply-adds a second; {versions}.\n\n{table}\n"
    )


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    arguments = parser(__doc__)
    arguments.add_argument("--cases", type=comma_list, default=list(CASES), help="of the table, separated by commas")
    arguments.add_argument("--backends", type=comma_list, default=list(BACKENDS), help="native, blocked, reference")
    arguments.add_argument("--repeats", type=int, default=5, help="of which the best counts")
    arguments.add_argument(
        "--peer-limit",
        type=int,
        default=100_000_000,
        help="largest B T K C of peers: flash-semicrf takes a quarter hour",
    )
    arguments.add_argument("--output", type=Path, help="JSON file to write; the table goes beside it as .md")
    args = arguments.parse_args()
    rate = multiply_adds()
    found = rows(args.cases, args.backends, args.repeats, args.peer_limit, rate)
    if args.output:
        where = provenance(rate)
        write_json(args.output, {"provenance": where, "rows": found})
        with atomic_path(args.output.with_suffix(".md")) as path:
            path.write_text(markdown(where, found))


if __name__ == "__main__":
    run(main)
