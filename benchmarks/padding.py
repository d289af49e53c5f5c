"""Padding and speed of training batches: as they come, and of like lengths. Writes JSON.

    python benchmarks/padding.py --configfile examples/prefix_simulated.yaml --run prefix_pointer \
        --data results/prefix_simulated/bake/loci/sim/batch_0 --output benchmarks/results/padding.json

The model of a run of the configuration with fresh weights, the first steps of its first epoch; CPU seconds of one
thread, forward and backward. The ways take turns step by step, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import yaml

from genescribe import __version__
from genescribe.config import from_mapping
from genescribe.data.cursor import Cursor
from genescribe.data.sample import Sample
from genescribe.files import write_json
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.training.task import GenerateTask

WAYS = {"as they come": 0, "buckets": 16}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--configfile", type=Path, required=True)
    arguments.add_argument("--run", required=True)
    arguments.add_argument("--data", type=Path, nargs="+", required=True)
    arguments.add_argument("--batch", type=int, nargs="+", default=[8, 32])
    arguments.add_argument("--loci", type=int, default=96, help="loci that each way is timed on")
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()
    torch.set_num_threads(1)
    options = yaml.safe_load(args.configfile.read_text())["runs"][args.run]["model"]
    config = from_mapping(GenerateModelConfig, options, where=str(args.configfile))
    rows: list[dict[str, Any]] = []
    for batch in args.batch:
        rows += measured(config, args, batch)
    report = {"version": __version__, "torch": torch.__version__, "rows": rows}
    write_json(args.output, report)


def measured(config: GenerateModelConfig, args: argparse.Namespace, batch: int) -> list[dict[str, Any]]:
    ways = {}
    for name, buckets in WAYS.items():
        task = GenerateTask(config, args.data)
        torch.manual_seed(0)
        steps = list(islice(task.batches(Cursor(1, 0, batch, batch, buckets=buckets)), 160))
        ways[name] = task, task.build().train(), steps
    seconds, bases = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    for number in range(-1, args.loci // batch):
        for name, (task, model, steps) in ways.items():
            step = steps[number]
            started = time.process_time()
            loss = task.loss(model, step)
            (loss.total / loss.weight).backward()
            if number >= 0:  # The one before only warms up.
                seconds[name] += time.process_time() - started
                bases[name] += sum(lengths_of(task, step))
            model.zero_grad()
    rows = []
    for name, (task, _, steps) in ways.items():
        lengths = [lengths_of(task, step) for step in steps]
        filled, held = sum(map(sum, lengths)), sum(len(row) * max(row) for row in lengths)
        row = {"batch": batch, "way": name, "padding": round(1 - filled / held, 3)}
        row |= {"kb_a_second": round(bases[name] / 1000 / seconds[name], 1)}
        rows.append(row)
        print(row, flush=True)
    return rows


def lengths_of(task: GenerateTask, step: list[Sample]) -> list[int]:
    return [len(task._locus(sample, shift=0).codes) for sample in step]


if __name__ == "__main__":
    main()
