"""The effect of duration tables alone: CRF heads trained on scores of bases from the simulator's distribution.

    python benchmarks/heads.py --folder FOLDER [--sharpness 1] [--seeds 1,2,3]

In place of an encoder there are the simulator's log-likelihood ratios against intergenic bases, as
`genescribe.simulate.states` has them, without any length: content of coding bases (the three frames weighed by 91 bases
around), introns and UTRs; donor, acceptor, start and stop. A head learns a factor and an offset per label for each and
everything of its own: durations, transitions. So the heads differ in durations alone, and little else varies between
two trainings. Two genomes: lengths as fitted, and geometric ones. Rate and factor are chosen on the validation part of
the first, with the same tries for each head; test parts are read at the end. Writes a table and
`benchmarks/results/heads.json`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genescribe.bake.config import BakeConfig
from genescribe.bake.splits import Splits
from genescribe.bake.stats import sum_stats
from genescribe.cli import comma_list, parser, run
from genescribe.crf import SemiCRF
from genescribe.data.dataset import ShardDataset
from genescribe.data.sample import Sample
from genescribe.data.strands import stretches
from genescribe.evaluate.labels.counts import LabelCounts, add_up, count_labels, pool
from genescribe.evaluate.labels.draws import HEADLINES
from genescribe.evaluate.labels.scores import compare, summarise
from genescribe.files import atomic_path, read_json, write_json
from genescribe.gencode_benchmark.preprocess import preprocess
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.kernels.semicrf.potentials import Segmentation
from genescribe.labels.gencode import (
    FIRST_EXON,
    FIRST_INTRON,
    INTERGENIC,
    INTERNAL_EXON,
    INTERNAL_INTRON,
    LAST_EXON,
    LAST_INTRON,
    STARTCODON,
    STOPCODON,
    UTR3,
    UTR5,
)
from genescribe.labels.schemes import SCHEMES
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.head import crf_config
from genescribe.segment.training.statistics import run_statistics
from genescribe.simulate import SimulationParameters, load_parameters, simulate, write_simulation
from genescribe.simulate.states import STATES, State, potentials

RESULTS = Path(__file__).resolve().parent / "results/heads.json"
GENOMES = ("informative", "uninformative")
SEED = 5
"""Of both genomes."""
FEATURE_FILE = "features.pt"
FEATURES = (
    "intergenic",
    "coding",
    "intron",
    "utr5",
    "utr3",
    "start",
    "stop",
    "donor",
    "begin start",
    "begin stop",
    "acceptor",
)
EXONS, INTRONS = (FIRST_EXON, INTERNAL_EXON, LAST_EXON), (FIRST_INTRON, INTERNAL_INTRON, LAST_INTRON)
CONTENT = (
    {INTERGENIC: 0, UTR5: 3, UTR3: 4, STARTCODON: 5, STOPCODON: 6} | dict.fromkeys(EXONS, 1) | dict.fromkeys(INTRONS, 2)
)
BEGIN = dict.fromkeys(INTRONS, 7) | {STARTCODON: 8, STOPCODON: 9}
END = dict.fromkeys(INTRONS, 10)
AROUND = 45
"""Bases to each side that decide which frame a coding base is in."""
WORST = -20.0
"""Of a score: what the simulator forbids, as a base that no codon has, need not be forbidden to a head."""
GRID = ((0.01, 1.0), (0.03, 1.0))
"""Learning rates, and factors that training begins with."""


@dataclass(frozen=True)
class Data:
    """A baked genome and the features of its strands.

    Attributes
    ----------
    shards
        What bake wrote.
    features
        (sequence, strand) -> (T, features) float32, 5' to 3'.
    """

    shards: list[Path]
    features: Mapping[tuple[str, str], Tensor]

    def window(self, sample: Sample) -> Tensor:
        """Return the features of a window."""
        meta = sample.meta
        strand = self.features[meta.seqid, meta.strand]
        start, end = (
            (meta.start, meta.end) if meta.strand == "+" else (len(strand) - meta.end, len(strand) - meta.start)
        )
        return strand[start:end]


class Scored(nn.Module):
    """A head over scores: a factor per label and kind of score, an offset per label, and the CRF.

    Parameters
    ----------
    head, durations
        As `SegmentModelConfig.head`, `max_duration`.
    statistics
        The training part of `stats.json`, from which the CRF begins.
    factor
        What the factors of content begin with.
    """

    def __init__(self, head: str, durations: int, statistics: Mapping[str, Any], factor: float) -> None:
        super().__init__()
        scheme = SCHEMES["gencode"]
        labels = len(scheme.names)
        self.crf = SemiCRF(crf_config(SegmentModelConfig(head=head, max_duration=durations), scheme))  # type: ignore[arg-type]
        self.crf.initialise_from_statistics(run_statistics(statistics, scheme.names))
        self.content, self.offset = nn.Parameter(torch.full((labels,), factor)), nn.Parameter(torch.zeros(labels))
        self.begin, self.end = nn.Parameter(torch.ones(labels)), nn.Parameter(torch.ones(labels))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Return emissions, begin and end of (B, T, features)."""
        scores = {
            "emissions": self.content * features[..., [CONTENT[c] for c in range(len(self.content))]] + self.offset
        }
        for name, which, factor in (("begin", BEGIN, self.begin), ("end", END, self.end)):
            value = torch.zeros_like(scores["emissions"])
            value[..., list(which)] = factor[list(which)] * features[..., list(which.values())]
            scores[name] = value
        return scores


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--folder", type=Path, required=True, help="folder for genomes, shards and counts")
    arguments.add_argument("--parameters", default="arabidopsis_thaliana", help="of the simulator")
    arguments.add_argument("--sharpness", type=float, default=1.0, help="of signals and codons; 1: as fitted")
    arguments.add_argument("--heads", type=comma_list, default=["linear", "semicrf"], help="which heads")
    arguments.add_argument("--max-duration", type=int, default=300, help="longest explicit duration, K")
    arguments.add_argument("--seeds", type=comma_list, default=["1", "2", "3"], help="orders of the training windows")
    arguments.add_argument("--bases", type=int, default=1_500_000, help="size of each genome, in ten sequences")
    arguments.add_argument("--bootstrap", type=int, default=1000, help="draws for the intervals")
    arguments.add_argument("--steps", type=int, default=60, help="steps of training, of eight windows")
    arguments.add_argument("--at-most", type=int, default=1000, help="genomes and trainings of this call")
    arguments.add_argument("--write", type=Path, default=RESULTS, help="JSON file for the figures")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    work = Work(args)
    if not all(work.prepared(genome) for genome in GENOMES) or not all(work.tried(head) for head in args.heads):
        return
    # Seed by seed, so that a run that is cut off leaves the figures of those that are done.
    jobs = list(itertools.product(map(int, args.seeds), GENOMES, args.heads))
    done = [job for job in jobs if work.tested(*job)]
    seeds = [seed for seed in map(int, args.seeds) if all(job in done for job in jobs if job[0] == seed)]
    if seeds:
        found = {genome: work.summary(genome, seeds) for genome in GENOMES}
        options = {name: str(value) for name, value in vars(args).items() if name not in ("folder", "write", "at_most")}
        write_json(args.write, {"options": options, "seeds": seeds, "tries": work.tries(), "genomes": found})
        for genome in GENOMES:
            show(f"{genome}, {len(seeds)} seeds", found[genome])


class Work:
    """What is done step by step and kept in a folder, so that an interrupted call can resume.

    Parameters
    ----------
    args
        Of the command line.
    """

    def __init__(self, args: Any) -> None:
        self.args, self.folder, self.left = args, Path(args.folder), int(args.at_most)
        self.law = load_parameters(args.parameters).sharpened(args.sharpness)
        self.names = SCHEMES["gencode"].names
        self._loaded: dict[str, Data] = {}

    def prepared(self, genome: str) -> bool:
        """Make a genome with its scores where it is not there; return whether it is."""
        path = self.folder / genome / FEATURE_FILE
        if not path.exists() and self._may():
            prepare(self.folder / genome, self.law, genome, self.args.bases)
        return path.exists()

    def tries(self) -> list[dict[str, Any]]:
        """Return what was tried on validation: head, lr, factor, segment_f1."""
        path = self.folder / "tries.json"
        return list(read_json(path)) if path.exists() else []

    def tried(self, head: str) -> bool:
        """Try the head's next settings on the validation part of the first genome; return whether all were tried."""
        for rate, factor in GRID:
            if any((row["head"], row["lr"], row["factor"]) == (head, rate, factor) for row in self.tries()):
                continue
            if not self._may():
                return False
            model = fit(self._data(GENOMES[0]), head, self.args, int(self.args.seeds[0]), rate, factor)
            counts = counted(model, self._data(GENOMES[0]), "validation")
            score = summarise(counts, self.names, replicates=0)["headlines"]["segment_f1"]
            row = {"head": head, "lr": rate, "factor": factor, "segment_f1": score}
            print(row, flush=True)
            write_json(self.folder / "tries.json", [*self.tries(), row])
        return True

    def tested(self, seed: int, genome: str, head: str) -> bool:
        """Train a head with its best settings and count it on the test part; return whether that is done."""
        path = self._counts(genome, head, seed)
        if not path.exists() and self._may():
            best = max((row for row in self.tries() if row["head"] == head), key=lambda row: float(row["segment_f1"]))
            model = fit(self._data(genome), head, self.args, seed, best["lr"], best["factor"])
            counted(model, self._data(genome), "test").save(path)
        return path.exists()

    def summary(self, genome: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return the scores of each head, its seeds pooled, the differences from the first head, and each seed's."""
        parts = {
            head: [LabelCounts.load(self._counts(genome, head, seed)) for seed in seeds] for head in self.args.heads
        }
        counts = {head: pool(part) for head, part in parts.items()}
        draws = self.args.bootstrap
        return {
            "heads": {head: summarise(part, self.names, replicates=draws) for head, part in counts.items()},
            "differences": compare(counts, self.names, baseline=self.args.heads[0], replicates=draws),
            "seeds": {
                head: [summarise(one, self.names, replicates=0)["headlines"] for one in part]
                for head, part in parts.items()
            },
        }

    def _may(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def _data(self, genome: str) -> Data:
        if genome not in self._loaded:
            folder = self.folder / genome
            self._loaded[genome] = Data([folder / "data/shards/0"], torch.load(folder / FEATURE_FILE))
        return self._loaded[genome]

    def _counts(self, genome: str, head: str, seed: int) -> Path:
        return self.folder / genome / f"{head}-seed{seed}.npz"


def prepare(folder: Path, law: SimulationParameters, durations: str, bases: int) -> None:
    """Simulate and bake a genome of ten sequences, four of them to train and four to test; write its features."""
    fasta, annotation = folder / "genome.fa", folder / "truth.gff3"
    folder.mkdir(parents=True, exist_ok=True)
    sequences, genes = simulate(law.with_durations(durations), SEED, total_bases=bases, n_sequences=10)  # type: ignore[arg-type]
    write_simulation(sequences, genes, fasta, annotation)
    splits = Splits([f"chr{n}" for n in range(1, 5)], ["chr5", "chr6"], [f"chr{n}" for n in range(7, 11)])
    preprocess(annotation, fasta, folder / "data", splits, BakeConfig(window=2500, overlap=250))
    features = {}
    for seqid, codes in sequences.items():
        features[seqid, "+"] = features_of(law, codes)
        features[seqid, "-"] = features_of(law, reverse_complement(codes))
    with atomic_path(folder / FEATURE_FILE) as temporary:
        torch.save(features, temporary)


def features_of(law: SimulationParameters, codes: Codes) -> Tensor:
    """Return the scores of a strand's bases under the simulator's distribution, as `FEATURES`, (T, F) float32."""
    p = potentials(law, codes)
    place = {state: 1 + number for number, state in enumerate(STATES)}
    background = p.content[0, :, 0]
    assert p.begin is not None and p.end is not None
    content, begin, end = (part[0] for part in (p.content, p.begin, p.end))

    def ratio(state: State) -> Tensor:
        return (content[:, place[state]] - background).clamp(min=WORST)

    frames = torch.stack([ratio(State("internal", frame=frame)) for frame in range(3)])
    near = nn.functional.avg_pool1d(frames[None], 2 * AROUND + 1, stride=1, padding=AROUND)[0] * (2 * AROUND + 1)
    coding = (near.softmax(dim=0) * frames).sum(dim=0)
    donor = torch.stack([begin[:, place[state]] for state in STATES if state.kind == "intron"]).amax(dim=0)
    columns = [torch.zeros_like(background), coding]
    columns += [ratio(State(kind)) for kind in ("utr_intron", "utr5", "utr3", "start", "stop")]
    columns += [
        donor,
        begin[:, place[State("start")]],
        begin[:, place[State("stop")]],
        end[:, place[State("utr_intron")]],
    ]
    return torch.stack(columns, dim=1).nan_to_num(neginf=WORST).clamp(min=WORST).float()


def fit(data: Data, head: str, args: Any, seed: int, rate: float, factor: float) -> Scored:
    """Train a head on the training windows in an order of its own; the rate falls to 0 by a line."""
    statistics = sum_stats(read_json(shard / "stats.json") for shard in data.shards)["splits"]["train"]
    model = Scored(head, args.max_duration, statistics, factor)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, args.steps)
    for samples in itertools.islice(batches(ShardDataset(data.shards, "train"), seed), args.steps):
        features = nn.utils.rnn.pad_sequence([data.window(sample) for sample in samples], batch_first=True)
        lengths = torch.tensor([len(sample.codes) for sample in samples])
        edges = {
            name: torch.tensor([getattr(sample.meta, name) for sample in samples])
            for name in ("left_censored", "right_censored")
        }
        runs = [torch.from_numpy(sample.runs.astype(np.int64)) for sample in samples]
        labels = [Segmentation(run[:, 0], run[:, 1]) for run in runs]
        loss = model.crf.loss(runs=labels, lengths=lengths, **edges, **model(features)).sum() / lengths.sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return model


def batches(windows: ShardDataset, seed: int, size: int = 8) -> Iterator[list[Sample]]:
    """Yield batches of windows, every window once before any comes again."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(len(windows))
        for first in range(0, len(order) - size + 1, size):
            yield [windows[int(number)] for number in order[first : first + size]]


@torch.no_grad()
def counted(model: Scored, data: Data, split: str) -> LabelCounts:
    """Return the counts of a split's strands, each decoded whole."""
    parts = []
    for stretch in stretches(ShardDataset(data.shards, split)):
        features = data.features[stretch.seqid, stretch.strand][None]
        (path,) = model.crf.decode(lengths=torch.tensor([features.shape[1]]), **model(features))
        predicted: NDArray[np.int32] = torch.stack([path.ends, path.labels], dim=1).numpy().astype(np.int32)
        cut = {"left_censored": stretch.left_censored, "right_censored": stretch.right_censored}
        parts.append(count_labels(stretch.runs, predicted, len(SCHEMES["gencode"].names), **cut))
    return add_up(parts)


def show(title: str, found: Mapping[str, Any]) -> None:
    """Print a genome's table: values with their intervals, and the differences from the first head."""
    print(f"| {title} | " + " | ".join(HEADLINES) + " |")
    for head, row in found["heads"].items():
        print(f"| {head} | {_cells(row['headlines'], row['intervals'], '')} |")
    for head, row in found["differences"].items():
        values, ends = ({name: row[name][key] for name in HEADLINES} for key in ("difference", "interval"))
        print(f"| {head} gains | {_cells(values, ends, '+')} |", flush=True)


def _cells(values: Mapping[str, float], ends: Mapping[str, Sequence[float]], sign: str) -> str:
    shown = []
    for name in HEADLINES:
        scale, digits = (1, 3) if name.startswith("duration") else (100, 1)
        value, low, high = (f"{scale * number:{sign}.{digits}f}" for number in (values[name], *ends[name]))
        shown.append(f"{value} [{low}, {high}]")
    return " | ".join(shown)


if __name__ == "__main__":
    run(main)
