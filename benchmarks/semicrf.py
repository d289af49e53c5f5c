"""CPU seconds of the semi-Markov CRF, one thread, the backends and their published peers side by side in one run.

    python benchmarks/semicrf.py --output benchmarks/results/semicrf.json

A row is forward + backward (log Z and the gradient of everything learned), or the best path. A figure is the best of
some repeats in a process of its own, which also gives its peak memory. Peers run where they are importable: pytorch-crf
(K = 1) and flash-semicrf. `share` is the part of the machine's multiply-add rate that the arithmetic of the sums over
durations, 3 B T K C multiply-adds forward and backward, comes to.
"""

from __future__ import annotations

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
from genescribe.files import write_json
from genescribe.kernels import semicrf
from genescribe.kernels.potentials import Potentials

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
PEER_LIMIT = 100_000_000
"""Largest B T K C that a peer is run on: beyond, one of them takes minutes."""


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


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def rows(cases: list[str], backends: list[str], repeats: int) -> list[dict[str, object]]:
    """Measure every case with every backend and the peers that take it."""
    found: list[dict[str, object]] = []
    rate = multiply_adds()
    for case in cases:
        B, T, K, C, task = CASES[case]
        names = [*backends]
        if task == "gradient" and B * T * K * C <= PEER_LIMIT:
            wanted = [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
            names += [name for name in wanted if K == 1 or name != "pytorch-crf"]
        for name in names:
            slow = 1 if name in ("reference", "flash-semicrf") else repeats
            command = [sys.executable, __file__, "--one", case, name, str(slow)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{case}: {name} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            row = {"case": case, "backend": name, **json.loads(done.stdout.splitlines()[-1])}
            row["target"] = TARGETS[case].get(name)
            if task == "gradient":
                row["share"] = 3 * B * T * K * C / (row["cpu_seconds"] * rate)
            found.append(row)
            print(line(row))
    return found


def line(row: dict[str, object]) -> str:
    """Return a row as text."""
    target = "" if row["target"] is None else f"(to reach {row['target']})"
    share = f"{100 * float(str(row['share'])):5.1f}% of the rate" if "share" in row else ""
    seconds, peak = float(str(row["cpu_seconds"])), float(str(row["peak_mib"]))
    return f"{row['case']:24} {row['backend']:14} {seconds:9.4f} s {target:18} {peak:6.0f} MiB  {share}"


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    arguments = parser(__doc__)
    arguments.add_argument("--cases", type=comma_list, default=list(CASES), help="of the table, separated by commas")
    arguments.add_argument("--backends", type=comma_list, default=list(BACKENDS), help="native, blocked, reference")
    arguments.add_argument("--repeats", type=int, default=5, help="of which the best counts")
    arguments.add_argument("--output", type=Path, help="JSON file to write")
    args = arguments.parse_args()
    found = rows(args.cases, args.backends, args.repeats)
    if args.output:
        provenance = {"processor": processor(), "torch": torch.__version__, "multiply_adds_a_second": multiply_adds()}
        write_json(args.output, {"provenance": provenance, "rows": found})


if __name__ == "__main__":
    run(main)
