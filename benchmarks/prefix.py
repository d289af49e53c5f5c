"""Cost of the prefix-LM: attention over growing lengths, and models that read 20 kb. Writes a table and JSON.

    python benchmarks/prefix.py --output benchmarks/results/prefix

On the CPU, one thread: CPU seconds of a forward and of a backward pass (the reference of block-sparse attention; dense
attention is torch's), and the highest memory that a process of its own has held. On a GPU also the kernels: `--device
cuda`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genescribe import __version__
from genescribe.files import write_json, write_text
from genescribe.generate.config import ExpertsConfig, GenerateModelConfig, PrefixConfig
from genescribe.generate.model import build_model
from genescribe.generate.text.sentence import Feature, GeneSentence, Kind
from genescribe.generate.text.window_signals import Signals
from genescribe.kernels.attention.block_layout import SparseConfig
from genescribe.kernels.attention.block_sparse import attend
from genescribe.nn.config import EncoderConfig

LENGTHS = (2048, 4096, 8192, 16_384, 32_768)
SPARSE = SparseConfig(block=64, window=256, global_blocks=1)
DENSE_LIMIT = 8192
"""Steps up to which dense attention is measured on the CPU: beyond, it takes minutes."""
WINDOW = 20_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=Path, required=True, help="without suffix")
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--part", help="measure one thing and print it as JSON; used by the script itself")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    if args.part is not None:
        print(json.dumps(measured(json.loads(args.part), args.device)))
        return
    parts: list[dict[str, Any]] = []
    for steps in LENGTHS:
        parts.append({"what": "attention", "kind": "sparse", "steps": steps})
        if steps <= DENSE_LIMIT or args.device != "cpu":
            parts.append({"what": "attention", "kind": "dense", "steps": steps})
    for kind in ("dense", "sparse"):
        parts += [{"what": "model", "kind": kind, "experts": experts} for experts in (0, 4)]
    rows = []
    for part in parts:
        command = [sys.executable, __file__, "--output", "-", "--device", args.device, "--part", json.dumps(part)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(part | json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    report = {"version": __version__, "device": args.device, "threads": 1, "torch": torch.__version__, "rows": rows}
    write_json(f"{args.output}.json", report)
    write_text(f"{args.output}.md", table(rows))


def measured(part: dict[str, Any], device: str) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run = attention(part, device) if part["what"] == "attention" else model(part, device)
    run["memory_mb"] = round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1)
    if device != "cpu":
        run["memory_mb"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return run


def clock(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def attention(part: dict[str, Any], device: str) -> dict[str, float]:
    """Four heads of 32, one sequence."""
    q, k, v = (torch.randn(1, 4, part["steps"], 32, device=device, requires_grad=True) for _ in range(3))
    counts = torch.tensor([part["steps"]], device=device)
    started = clock(device)
    if part["kind"] == "sparse":
        seen = attend(q, k, v, counts, SPARSE)
    else:
        seen = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    middle = clock(device)
    seen.sum().backward()
    return {"forward_s": round(middle - started, 3), "backward_s": round(clock(device) - middle, 3)}


def model(part: dict[str, Any], device: str) -> dict[str, float]:
    """One window of 20 kb with a gene of eight exons; 2 layers of width 128, three bases per step."""
    config = GenerateModelConfig(
        architecture="prefix_lm",
        encoder=EncoderConfig(hidden_dim=128, conv_width=32, fold=3, dropout=0.0),
        decoder_layers=2,
        dropout=0.0,
        genetic_code=1,
        prefix=PrefixConfig(attention=part["kind"], sparse=SPARSE, experts=ExpertsConfig(part["experts"], top_k=2)),
    )
    torch.manual_seed(0)
    made = build_model(config).to(device)
    exons = [(1_000 + 2_000 * i, 1_300 + 2_000 * i) for i in range(8)]
    features = tuple(Feature(a, b, Kind.CDS, 0) for a, b in exons)
    sentence = GeneSentence("+", features, (tuple(range(8)),))
    codes = torch.from_numpy(np.random.default_rng(0).choice(4, size=(1, WINDOW))).to(device)
    steps = made.batch([made.example(sentence, Signals.free(WINDOW))], WINDOW).to(device)  # type: ignore[operator]
    started = clock(device)
    losses = made(codes, torch.tensor([WINDOW], device=device), steps)
    middle = clock(device)
    (losses.nll.sum() + losses.content + sum(losses.router.values())).backward()
    ended = clock(device)
    return {
        "parameters": sum(p.numel() for p in made.parameters()),
        "forward_s": round(middle - started, 3),
        "backward_s": round(ended - middle, 3),
        "kb_a_second": round(WINDOW / 1000 / (ended - started), 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["Attention among steps: four heads of 32, one sequence, one CPU thread; blocks of 64, window 256 to each"]
    lines += ["side, one global block.", "", "| steps | attention | forward s | backward s | memory MB |"]
    lines += ["| ---: | --- | ---: | ---: | ---: |"]
    for row in rows:
        if row["what"] == "attention":
            cells = (row["steps"], row["kind"], row["forward_s"], row["backward_s"], row["memory_mb"])
            lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += [
        "",
        "A model that reads a window of 20 kb (6,667 steps) and scores a sentence of eight exons, one CPU thread:",
    ]
    lines += ["", "| attention | experts | parameters | forward s | backward s | kb per second | memory MB |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows:
        if row["what"] == "model":
            names = ("kind", "experts", "parameters", "forward_s", "backward_s", "kb_a_second", "memory_mb")
            lines.append(f"| {' | '.join(str(row[name]) for name in names)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
