"""Additional isoforms: how many are written, and how many of them are right, by the probability that is asked of them.

    python benchmarks/isoforms.py --model MODEL --baked FOLDER --split validation --output FILE.json

Isoforms are distinct coding sequences. A locus is read once and written once, down to the lowest threshold; a higher
one keeps fewer of the transcripts that other sentences brought. `additional`: what stands beside the likeliest
transcript at loci where that one is right; recall of the other annotated coding sequences there, and precision of what
was written. `all`: every annotated and written coding sequence of all loci.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from genescribe.cli import parser, run
from genescribe.data.dataset import ShardDataset
from genescribe.files import write_json
from genescribe.generate.model import load_model, pad_codes
from genescribe.generate.search import Outcome, SearchConfig, write
from genescribe.generate.sentence import GeneSentence, Kind
from genescribe.generate.task import GenerateTask, Locus

Coding = tuple[tuple[int, int], ...]
AT_ONCE = 8


@dataclass
class Written:
    """Coding sequences of a locus: annotated; of the likeliest sentence, likeliest first; of others, by probability."""

    annotated: set[Coding]
    first: list[Coding]
    others: dict[Coding, float]


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--model", type=Path, required=True, help="folder of a trained model")
    add("--baked", type=Path, required=True, help="folder of baked loci")
    add("--split", default="validation", help="part of the loci")
    add("--method", choices=("beam", "sample"), default="beam", help="where other sentences come from")
    add("--sentences", type=int, default=8, help="beams, or sentences drawn a locus")
    add("--temperature", type=float, default=1.0, help="of drawn sentences")
    add("--thresholds", type=float, nargs="+", default=[1.0, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05], help="to look at")
    add("--output", type=Path, required=True, help="JSON to write")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    search = SearchConfig(
        args.method,
        beams=args.sentences,
        samples=args.sentences,
        isoforms=min(args.thresholds),
        temperature=args.temperature,
    )
    started = time.process_time()
    loci = list(written(args.model, args.baked, args.split, search))
    rows = [{"threshold": least} | scores(loci, least) for least in args.thresholds]
    write_json(
        args.output,
        {
            "split": args.split,
            "method": args.method,
            "sentences": args.sentences,
            "temperature": args.temperature,
            "loci": len(loci),
            "loci_with_several": sum(len(locus.annotated) > 1 for locus in loci),
            "cpu_seconds": round(time.process_time() - started, 1),
            "rows": rows,
        },
    )
    print(table(rows))


def written(folder: Path, baked: Path, split: str, search: SearchConfig) -> Iterator[Written]:
    """Yield what becomes of every locus of a split."""
    model: Any = load_model(folder)
    task = GenerateTask(model.config, [baked])
    dataset = ShardDataset([baked], split)
    loci = sorted((task._locus(dataset[i], shift=0) for i in range(len(dataset))), key=lambda locus: len(locus.codes))
    for begin in tqdm(range(0, len(loci), AT_ONCE), desc="write", unit="batch", disable=None):
        batch: Sequence[Locus] = loci[begin : begin + AT_ONCE]
        session = model.begin(*pad_codes([locus.codes for locus in batch], "cpu"))
        automata = [model.automaton(task.signals(locus.codes)) for locus in batch]
        names = [str(begin + i) for i in range(len(batch))]
        for locus, outcome in zip(batch, write(session, automata, search, names=names), strict=True):
            own, others = (by_coding(outcome, borrowed) for borrowed in (False, True))
            annotated = {coding_of(locus.sentence, chain) for chain in locus.sentence.transcripts}
            yield Written(annotated, sorted(own, key=lambda coding: -own[coding]), others)


def by_coding(outcome: Outcome, borrowed: bool) -> dict[Coding, float]:
    """Return the coding sequences of the sentence itself, or those of others, each with its highest score."""
    found: dict[Coding, float] = {}
    if outcome.sentence is not None:
        for chain, score, other in zip(outcome.sentence.transcripts, outcome.scores, outcome.borrowed, strict=True):
            if other == borrowed:
                coding = coding_of(outcome.sentence, chain)
                found[coding] = max(found.get(coding, 0.0), score)
    return found


def coding_of(sentence: GeneSentence, chain: Sequence[int]) -> Coding:
    features = [sentence.features[i] for i in chain]
    return tuple((f.start, f.end) for f in features if f.kind is Kind.CDS)


def scores(loci: Sequence[Written], least: float) -> dict[str, Any]:
    """Return counts, recall and precision at a threshold."""
    additional, everything = [0, 0, 0], [0, 0, 0]
    right_first = 0
    for locus in loci:
        kept = [*locus.first, *(coding for coding, score in locus.others.items() if least < 1 and score >= least)]
        add(everything, len(locus.annotated), len(kept), len(locus.annotated & set(kept)))
        if kept and kept[0] in locus.annotated:
            right_first += 1
            add(additional, len(locus.annotated) - 1, len(kept) - 1, len(locus.annotated & set(kept[1:])))
    return {
        "loci_with_first_right": right_first,
        "additional": rates(additional),
        "all": rates(everything),
    }


def add(sums: list[int], *values: int) -> None:
    sums[:] = [a + b for a, b in zip(sums, values, strict=True)]


def rates(sums: Sequence[int]) -> dict[str, float | int | None]:
    true, made, both = sums
    return {
        "annotated": true,
        "written": made,
        "right": both,
        "recall": round(both / true, 4) if true else None,
        "precision": round(both / made, 4) if made else None,
        "f1": round(2 * both / (true + made), 4) if true + made else None,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    lines = ["threshold  first right  additional: annotated, written, right   all: annotated, written, right, F1"]
    for row in rows:
        parts = [row["additional"][name] for name in ("annotated", "written", "right")]
        whole = [row["all"][name] for name in ("annotated", "written", "right", "f1")]
        lines.append(f"{row['threshold']:<11}{row['loci_with_first_right']:<13}{parts!s:<40} {whole}")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
