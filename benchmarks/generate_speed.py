"""How fast sentences are written on one CPU thread: loci and steps per second, with and without the cache, compiled.

    python benchmarks/generate_speed.py --model MODEL --baked FOLDER --output benchmarks/results/generate_speed.json
    python benchmarks/generate_speed.py --model MODEL --baked FOLDER --compile alone --output FILE.json

CPU seconds of one thread. Loci of up to 1,000 bases of the test split, in batches of 32, from bases to genes. A larger
model of random weights would write nonsense of any length: it is made to write the annotated sentences, every step
computed.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genescribe.cli import parser, run
from genescribe.data.dataset import ShardDataset
from genescribe.files import write_json
from genescribe.generate.annotation.annotate import Annotator, LocusWindow
from genescribe.generate.annotation.search import SearchConfig, write
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.model import build_model, load_model, pad_codes
from genescribe.generate.network.decoder import Cache
from genescribe.generate.training.task import GenerateTask, Locus
from genescribe.nn.config import EncoderConfig

AT_ONCE, SHORT, LONG = 32, 1_000, 49_152


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--model", type=Path, required=True, help="folder of a trained model of the pointer form")
    add("--baked", type=Path, required=True, help="folder of baked loci")
    add("--steps", type=int, default=100, help="steps of the decoder to time")
    add("--compile", choices=("no", "also", "alone"), default="no", help="the compiled step of the decoder (minutes)")
    add("--output", type=Path, required=True, help="JSON to write")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    model: Any = load_model(args.model)
    task = GenerateTask(model.config, [args.baked])
    dataset = ShardDataset([args.baked], "test")
    found = (task._locus(dataset[i], shift=0) for i in range(len(dataset)))
    loci = sorted((x for x in found if len(x.codes) <= SHORT), key=lambda x: len(x.codes))[: 4 * AT_ONCE]
    torch.manual_seed(0)
    encoder = EncoderConfig("attention", hidden_dim=192, num_layers=4, conv_width=64, fold=6)
    larger: Any = build_model(GenerateModelConfig(genetic_code=1, encoder=encoder)).eval()
    writers = {"trained": model, "larger": larger}
    sizes = {name: {"parameters": sum(p.numel() for p in writer.parameters())} for name, writer in writers.items()}
    report: dict[str, Any] = {"loci": len(loci), "batch": AT_ONCE, "threads": 1, **sizes}
    if args.compile != "alone":
        as_it_is(report, model, larger, task, loci, args.steps)
    if args.compile != "no":
        for name, writer in writers.items():
            report[name]["compiled"] = compiled(writer, loci[0], args.steps)
            write_json(args.output, report)
    write_json(args.output, report)
    print(report)


def as_it_is(
    report: dict[str, Any], model: Any, larger: Any, task: GenerateTask, loci: list[Locus], steps: int
) -> None:
    """Enter what is measured without the compiler."""
    for name, writer in (("trained", model), ("larger", larger)):
        report[name] |= {
            "loci_a_second_annotated_sentences": rate(lambda w=writer: as_annotated(w, task, loci), len(loci)),
            "steps_a_second_one_row": steps_a_second(writer, loci[0], steps, rows=1),
            "steps_a_second_32_rows": steps_a_second(writer, loci[0], steps, rows=AT_ONCE),
        }
    for method in ("greedy", "beam"):
        search = SearchConfig(method)  # type: ignore[arg-type]
        report["trained"][f"loci_a_second_{method}"] = rate(lambda s=search: freely(model, loci, s), len(loci))
    codes = np.random.default_rng(0).choice(4, size=LONG, p=[0.3, 0.2, 0.2, 0.3]).astype(np.uint8)
    report["locus_of_49152_bases_seconds"] = round(1 / rate(lambda: Annotator(model).sequence(codes), 1), 2)


def compiled(model: Any, locus: Locus, steps: int) -> dict[str, Any]:
    """Return the cost of compiling the step, for several rows and for one, and steps per second before and after.

    Files that earlier runs left in the compiler's cache (TORCHINDUCTOR_CACHE_DIR) shorten it.
    """
    found: dict[str, Any] = {}
    numbers = {"32_rows": AT_ONCE, "one_row": 1}

    def fastest(rows: int) -> float:
        return max(steps_a_second(model, locus, steps, rows, anew=False)["cached"] for _ in range(3))

    for name, rows in numbers.items():
        found[f"steps_a_second_{name}"] = {"not_compiled": fastest(rows)}
    Annotator(model, compiled=True)
    for name, rows in numbers.items():
        before = spent()
        steps_a_second(model, locus, 2, rows, anew=False)
        found[f"cpu_seconds_to_compile_{name}"] = round(spent() - before, 1)
        found[f"steps_a_second_{name}"]["compiled"] = fastest(rows)
    found["graphs"] = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    torch._dynamo.utils.counters.clear()
    return found


def spent() -> float:
    """Return CPU seconds of this process and of those it has started: the compiler is one."""
    return sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def rate(work: Callable[[], Any], amount: int) -> float:
    """Return how much is done a CPU second."""
    started = time.process_time()
    work()
    return round(amount / (time.process_time() - started), 2)


def freely(model: Any, loci: list[Locus], search: SearchConfig) -> None:
    annotator = Annotator(model, search)
    windows = [LocusWindow(str(i), "s", 0, len(x.codes), "+", 0, x.codes) for i, x in enumerate(loci)]
    for begin in range(0, len(windows), AT_ONCE):
        annotator(windows[begin : begin + AT_ONCE])


def as_annotated(model: Any, task: GenerateTask, loci: list[Locus]) -> None:
    """Write the annotated sentences, step by step."""
    for begin in range(0, len(loci), AT_ONCE):
        batch = loci[begin : begin + AT_ONCE]
        signals = [task.signals(locus.codes) for locus in batch]
        steps = [
            [step.value for step in model.example(locus.sentence, signal).steps]
            for locus, signal in zip(batch, signals, strict=True)
        ]
        session = model.begin(*pad_codes([locus.codes for locus in batch], "cpu"))
        write(session, [model.automaton(signal) for signal in signals], SearchConfig(), prompts=steps)


@torch.no_grad()
def steps_a_second(model: Any, locus: Locus, steps: int, rows: int, anew: bool = True) -> dict[str, float]:
    """Return steps per second, of all rows: with the cache; all anew at each; the locus read anew as well."""
    codes, lengths = pad_codes([locus.codes] * rows, "cpu")
    inputs, places = torch.randn(rows, steps, model.config.encoder.hidden_dim), torch.zeros(rows, steps)
    memory = model._read(codes, lengths)[1]

    def cached() -> None:
        cache = Cache()
        for i in range(steps):
            _, cache = model.decoder(inputs[:, i : i + 1], places[:, i : i + 1], memory, cache)

    def all_again(read: bool, stride: int) -> None:
        for i in range(0, steps, stride):
            model.decoder(inputs[:, : i + 1], places[:, : i + 1], model._read(codes, lengths)[1] if read else memory)

    found = {"cached": rate(cached, steps * rows)}
    if not anew:
        return found
    found["not_cached"] = rate(lambda: all_again(False, 5), steps * rows // 5)
    if rows == 1:
        found["not_cached_and_read_anew"] = rate(lambda: all_again(True, 5), steps * rows // 5)
    return found


if __name__ == "__main__":
    run(main)
