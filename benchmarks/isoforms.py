"""Additional isoforms: how many are written, and how many of them are right, by the probability that is asked of them.

    python benchmarks/isoforms.py --model MODEL --baked FOLDER --split validation --output FILE.json

A locus is read once and written once, down to the lowest threshold; a higher one keeps fewer of the transcripts that
other sentences brought. `additional`: what stands beside the likeliest coding sequence at loci where that one is right:
recall of the other annotated coding sequences there, and precision of what was written. `additional_whole`: likewise of
whole transcripts, untranslated ends included, beside the likeliest one. `all`: every annotated and written coding
sequence of all loci. Two baselines stand beside them, on the same loci: one transcript per gene, whose recall of
additional ones is 0; and the likeliest coding sequence once more with its shortest intron kept, read to the first stop
codon. Intervals: loci drawn again with replacement (1,000 draws, 95%).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from genescribe.cli import parser, run
from genescribe.data.dataset import ShardDataset
from genescribe.files import write_json
from genescribe.generate.annotation.search import Outcome, SearchConfig, write
from genescribe.generate.model import load_model, pad_codes
from genescribe.generate.text.sentence import Feature, GeneSentence, Kind
from genescribe.generate.training.task import GenerateTask, Locus
from genescribe.genome.alphabet import Codes, unmasked
from genescribe.genome.genetic_code import GeneticCode

Coding = tuple[tuple[int, int], ...]
Chain = tuple[Feature, ...]
AT_ONCE, DRAWS = 8, 1000


@dataclass
class Written:
    """A locus: annotated transcripts; those of the likeliest sentence, likeliest first; of others, by probability.

    `kept`: the coding sequence of the baseline that keeps an intron, where the likeliest one has any.
    """

    annotated: set[Chain]
    first: list[Chain]
    others: dict[Chain, float]
    kept: Coding | None


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--model", type=Path, required=True, help="folder of a trained model")
    add("--baked", type=Path, nargs="+", required=True, help="folders of baked loci")
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
    kept = scores([Written(x.annotated, x.first[:1], {}, x.kept) for x in loci], 1.0, keep_intron=True)
    write_json(
        args.output,
        {
            "split": args.split,
            "method": args.method,
            "sentences": args.sentences,
            "temperature": args.temperature,
            "loci": len(loci),
            "loci_with_several": sum(len(locus.annotated) > 1 for locus in loci),
            "loci_with_several_coding_sequences": sum(len(set(map(coding_of, x.annotated))) > 1 for x in loci),
            "cpu_seconds": round(time.process_time() - started, 1),
            "rows": rows,
            "shortest_intron_kept": kept,
        },
    )
    print(table(rows))
    print(f"shortest intron kept: {kept['additional']}")


def written(folder: Path, baked: Sequence[Path], split: str, search: SearchConfig) -> Iterator[Written]:
    """Yield what becomes of every locus of a split."""
    model: Any = load_model(folder)
    task = GenerateTask(model.config, baked)
    dataset = ShardDataset(baked, split)
    loci = sorted((task._locus(dataset[i], shift=0) for i in range(len(dataset))), key=lambda locus: len(locus.codes))
    for begin in tqdm(range(0, len(loci), AT_ONCE), desc="write", unit="batch", disable=None):
        batch: Sequence[Locus] = loci[begin : begin + AT_ONCE]
        session = model.begin(*pad_codes([locus.codes for locus in batch], "cpu"))
        automata = [model.automaton(task.signals(locus.codes)) for locus in batch]
        names = [str(begin + i) for i in range(len(batch))]
        for locus, outcome in zip(batch, write(session, automata, search, names=names), strict=True):
            own, others = (by_chain(outcome, borrowed) for borrowed in (False, True))
            first = sorted(own, key=lambda chain: -own[chain])
            kept = intron_kept(coding_of(first[0]), locus.codes, task.code) if first else None
            yield Written(set(chains(locus.sentence)), first, others, kept)


def chains(sentence: GeneSentence) -> list[Chain]:
    return [tuple(sentence.features[i] for i in chain) for chain in sentence.transcripts]


def by_chain(outcome: Outcome, borrowed: bool) -> dict[Chain, float]:
    """Return the transcripts of the sentence itself, or those of others, each with its score."""
    if outcome.sentence is None:
        return {}
    parts = zip(chains(outcome.sentence), outcome.scores, outcome.borrowed, strict=True)
    return {chain: score for chain, score, other in parts if other == borrowed}


def coding_of(chain: Chain) -> Coding:
    return tuple((f.start, f.end) for f in chain if f.kind is Kind.CDS)


def intron_kept(coding: Coding, codes: Codes, code: GeneticCode) -> Coding | None:
    """Return a coding sequence with its shortest intron kept, to its first stop codon; None where there is none."""
    introns = [(coding[i + 1][0] - coding[i][1], i) for i in range(len(coding) - 1)]
    if not introns:
        return None
    place = min(introns)[1]
    exons = [*coding[:place], (coding[place][0], coding[place + 1][1]), *coding[place + 2 :]]
    places = np.concatenate([np.arange(start, end) for start, end in exons])
    protein = code.translate(unmasked(codes)[places])
    stop = protein.find("*")
    if stop < 0:
        return None
    last = int(places[3 * stop + 2])
    return tuple((start, min(end, last + 1)) for start, end in exons if start <= last)


def scores(loci: Sequence[Written], least: float, keep_intron: bool = False) -> dict[str, Any]:
    """Return counts, recall and precision at a threshold, with their intervals."""
    additional, whole, everything = [], [], []
    for locus in loci:
        kept = [*locus.first, *(chain for chain, score in locus.others.items() if least < 1 and score >= least)]
        true = {coding_of(chain) for chain in locus.annotated}
        made = list(dict.fromkeys(map(coding_of, kept)))
        if keep_intron and locus.kept is not None and locus.kept not in made:
            made.append(locus.kept)
        everything.append([len(true), len(made), len(true & set(made))])
        right = bool(made) and made[0] in true
        additional.append([len(true) - 1, len(made) - 1, len(true & set(made[1:]))] if right else [0, 0, 0])
        right = bool(kept) and kept[0] in locus.annotated
        sizes = [len(locus.annotated) - 1, len(kept) - 1, len(locus.annotated & set(kept[1:]))]
        whole.append(sizes if right else [0, 0, 0])
    return {
        "loci_with_first_right": sum(
            bool(x.first) and coding_of(x.first[0]) in {coding_of(chain) for chain in x.annotated} for x in loci
        ),
        "loci_with_whole_first_right": sum(bool(x.first) and x.first[0] in x.annotated for x in loci),
        "additional": rates(additional),
        "additional_whole": rates(whole),
        "all": rates(everything),
    }


def rates(counts: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Return sums of (annotated, written, right) over loci; recall, precision and F1, each with its interval."""
    table = np.array(counts)
    draws = np.random.default_rng(0).integers(len(table), size=(DRAWS, len(table)))
    with np.errstate(invalid="ignore", divide="ignore"):
        sums, drawn = _rates(table.sum(axis=0)), _rates(table[draws].sum(axis=1))
    found: dict[str, Any] = dict(zip(("annotated", "written", "right"), table.sum(axis=0).tolist(), strict=True))
    for i, name in enumerate(("recall", "precision", "f1")):
        known = drawn[np.isfinite(drawn[:, i]), i]
        found[name] = round(float(sums[i]), 4) if np.isfinite(sums[i]) else None
        found[f"{name}_interval"] = np.percentile(known, [2.5, 97.5]).round(4).tolist() if len(known) else None
    return found


def _rates(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    true, made, both = (sums[..., i].astype(float) for i in range(3))
    return np.stack([both / true, both / made, 2 * both / (true + made)], axis=-1)


def table(rows: Sequence[dict[str, Any]]) -> str:
    names = ("annotated", "written", "right")
    lines = [f"{'threshold':<11}{'first right':<13}{'additional: ' + ', '.join(names):<42}{'whole':<18}all, F1"]
    for row in rows:
        parts, whole = ([row[part][name] for name in names] for part in ("additional", "additional_whole"))
        total = [row["all"][name] for name in (*names, "f1")]
        lines.append(f"{row['threshold']:<11}{row['loci_with_first_right']:<13}{parts!s:<42}{whole!s:<18}{total}")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
