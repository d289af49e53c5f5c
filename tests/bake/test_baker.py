"""Shards of a made-up genome: windows, splits, censoring, statistics, the fate of every gene."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genescribe.bake.baker import GENES, STATS, Baker
from genescribe.bake.batch import describe_homologues, homologues_across_splits
from genescribe.bake.config import BakeConfig, BakeJob
from genescribe.bake.splits import Splits
from genescribe.bake.stats import sum_stats
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import IGNORE, labels_from_runs
from genescribe.data.sample import Sample
from genescribe.data.shards import MANIFEST
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.genome.alphabet import Codes, encode, reverse_complement
from genescribe.genome.catalogue.tables import Rejected
from genescribe.genome.model import Gene, Interval, Transcript, mirror
from genescribe.labels.schemes import SCHEMES

SPLITS = ("train", "validation", "test")
NAMES = SCHEMES["gencode"].names


def orf(codons: int, seed: int) -> Codes:
    """Return a reading frame without stops but its last codon."""
    generator = np.random.default_rng(seed)
    inner = [generator.choice(["AAA", "CCC", "GAT", "GTT", "CTG", "TTC", "ACG"]) for _ in range(codons - 2)]
    return encode("ATG" + "".join(inner) + "TAA")


class Toy:
    """A genome with genes at known places."""

    def __init__(self) -> None:
        self.sequences: dict[str, Codes] = {}
        self.genes: dict[str, list[Gene]] = {}

    def sequence(self, seqid: str, length: int, seed: int = 0) -> None:
        self.sequences[seqid] = np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)
        self.genes[seqid] = []

    def place(
        self, identifier: str, seqid: str, start: int, coding: Codes, strand: str = "+", intron: Interval | None = None
    ) -> None:
        """Put a reading frame at `start` (forward strand), with an intron of (offset, length) if asked."""
        offset, gap = intron or (len(coding), 0)
        bases = np.concatenate([coding[:offset], np.zeros(gap, dtype=np.uint8), coding[offset:]])
        if strand == "-":
            bases = reverse_complement(bases)
            offset = len(coding) - offset
        end = start + len(bases)
        self.sequences[seqid][start:end] = bases
        exons = ((start, end),) if not gap else ((start, start + offset), (start + offset + gap, end))
        self.genes[seqid].append(Gene(identifier, seqid, strand, (Transcript(identifier + ".t", exons, exons),)))

    def bake(self, folder: Path, job: BakeJob, rejected: dict[str, list[Rejected]] | None = None) -> dict[str, Any]:
        folder.mkdir()
        baker = Baker(job, {seqid: len(codes) for seqid, codes in self.sequences.items()})
        with baker.writing(folder):
            for seqid, codes in self.sequences.items():
                baker.add(seqid, codes, self.genes[seqid], (rejected or {}).get(seqid, ()))
        return baker.finish()


@pytest.fixture
def toy() -> Toy:
    toy = Toy()
    for number, seqid in enumerate(("a", "b", "c")):
        toy.sequence(seqid, 1000, seed=number)
    toy.place("a1", "a", 30, orf(30, 1))
    toy.place("a2", "a", 150, orf(40, 2), "-", intron=(50, 100))
    toy.place("a3", "a", 600, orf(60, 3), "+", intron=(2, 90))
    toy.place("b1", "b", 0, orf(50, 4), "-")
    toy.place("b2", "b", 850, orf(50, 5))
    toy.place("c1", "c", 400, orf(70, 6))
    return toy


JOB = BakeJob(
    "toy",
    BakeConfig(window=200, overlap=50, windows_per_shard=8),
    Splits(train=["a"], validation=["b:1-500"], test=["b:501-1000"]),
    skip=["c"],
)


def windows(folder: Path) -> list[Sample]:
    return [sample for split in SPLITS for sample in ShardDataset([folder], split)]


def test_every_window_is_the_sequence_and_its_labels(toy: Toy, tmp_path: Path) -> None:
    toy.bake(tmp_path / "x", JOB)
    scheme = SCHEMES["gencode"]
    for sample in windows(tmp_path / "x"):
        meta = sample.meta
        codes = toy.sequences[meta.seqid][meta.start : meta.end]
        genes = [gene for gene in toy.genes[meta.seqid] if gene.strand == meta.strand]
        whole = np.zeros(1000, dtype=int)
        if meta.strand == "-":
            codes = reverse_complement(codes)
        for gene in genes:
            turned = gene if meta.strand == "+" else mirror(gene, 1000)
            alone = labels_from_runs(scheme.encode([turned], 1000).runs)
            whole = np.where(alone > 0, alone, whole)
        whole = whole if meta.strand == "+" else whole[::-1]
        expected = whole[meta.start : meta.end] if meta.strand == "+" else whole[meta.start : meta.end][::-1]
        assert np.array_equal(sample.codes, codes)
        assert np.array_equal(labels_from_runs(sample.runs), expected)
        touched = {gene.id for gene in genes if gene.start < meta.end and gene.end > meta.start}
        assert set(meta.genes) == touched


def test_the_cores_hold_every_base_of_both_strands_once(toy: Toy, tmp_path: Path) -> None:
    toy.bake(tmp_path / "x", JOB)
    seen = {(seqid, strand): np.zeros(1000, dtype=int) for seqid in "ab" for strand in "+-"}
    for sample in windows(tmp_path / "x"):
        meta = sample.meta
        assert meta.core is not None
        seen[meta.seqid, meta.strand][slice(*meta.core)] += 1
    assert all((count == 1).all() for count in seen.values())


def test_edges_are_censored_but_the_ends_of_a_sequence(toy: Toy, tmp_path: Path) -> None:
    toy.bake(tmp_path / "x", JOB)
    for sample in windows(tmp_path / "x"):
        meta = sample.meta
        left, right = meta.start > 0, meta.end < 1000
        if meta.strand == "-":
            left, right = right, left
        assert (meta.left_censored, meta.right_censored) == (left, right)


def test_a_window_and_its_reverse_complement_stand_in_one_split(toy: Toy, tmp_path: Path) -> None:
    toy.bake(tmp_path / "x", JOB)
    places: dict[tuple[str, int, int], set[str]] = {}
    for sample in windows(tmp_path / "x"):
        places.setdefault((sample.meta.seqid, sample.meta.start, sample.meta.end), set()).add(sample.meta.split)
        border = 500 if sample.meta.seqid == "b" else 1000
        assert sample.meta.end <= border or sample.meta.start >= border
    assert all(len(splits) == 1 for splits in places.values())


def test_every_gene_stands_in_the_index(toy: Toy, tmp_path: Path) -> None:
    toy.place("a1'", "a", 80, orf(10, 9))
    toy.genes["a"].append(Gene("nc", "a", "-", (Transcript("nc.t", ((10, 20),)),)))
    toy.place("b3", "b", 470, orf(30, 8))
    lost = Rejected("bad", None, "a", 900, 950, "+", "trans_spliced", 12, "parts on two strands")
    stats = toy.bake(tmp_path / "x", JOB, {"a": [lost]})
    index = read_json(tmp_path / "x" / GENES)
    assert set(index) == {gene.id for genes in toy.genes.values() for gene in genes} | {"bad"}
    assert {name: entry["reason"] for name, entry in index.items() if entry["reason"]} == {
        "a1": "overlaps a gene on its strand",
        "a1'": "overlaps a gene on its strand",
        "nc": "non-coding",
        "c1": "its sequence is in no split",
        "bad": "catalogue: trans_spliced",
    }
    assert index["b3"]["splits"] == ["validation", "test"]
    assert stats["genes"] == {"in two splits": 1, "test": 1, "train": 3, "validation": 1}
    lengths = {split: stats["splits"][split]["lengths"] for split in ("train", "validation", "test")}
    counted = {split: sum(count for _, count in found["coding"]) for split, found in lengths.items()}
    assert counted == {split: stats["genes"][split] for split in counted}  # one in two splits is in none
    everything = [gene for genes in toy.genes.values() for gene in genes]
    train = [gene.transcripts[0] for gene in everything if index[gene.id]["splits"] == ["train"]]
    exons = Counter(end - start for transcript in train for start, end in transcript.cds)
    assert dict(map(tuple, lengths["train"]["exon"])) == exons and len(train) == 3
    assert sum(stats["rejected"].values()) == 5
    keys = {(split, sample.key) for split in SPLITS for sample in ShardDataset([tmp_path / "x"], split)}
    for entry in index.values():
        assert bool(entry["windows"]) == bool(entry["splits"])
        assert {(shard.split("-")[0], key) for shard, key in entry["windows"]} <= keys


def test_a_gene_that_is_wholly_masked_says_so(toy: Toy, tmp_path: Path) -> None:
    toy.bake(tmp_path / "x", BakeJob("toy", JOB.bake, JOB.splits, JOB.skip, mask_ends=160))
    index = read_json(tmp_path / "x" / GENES)
    assert index["a1"]["reason"] == "masked or in no split"
    assert index["b2"]["reason"] == "masked or in no split"
    assert index["a2"]["reason"] is None
    assert all((sample.runs[:, 1] != IGNORE).any() for sample in windows(tmp_path / "x"))


class TestStatistics:
    def test_durations_count_each_whole_segment_once(self, toy: Toy, tmp_path: Path) -> None:
        train = toy.bake(tmp_path / "x", JOB)["splits"]["train"]
        durations = train["durations"]
        assert durations["first_exon"] == [[47, 1], [84, 1]]
        assert durations["last_exon"] == [[67, 1], [174, 1]]
        assert durations["first_intron"] == [[90, 1], [100, 1]]
        # a3's start codon is split after two bases.
        assert durations["start_codon"] == [[1, 1], [2, 1], [3, 2]]
        assert durations["stop_codon"] == [[3, 3]]
        # Between a1 and a3; what reaches an end of the sequence is not whole.
        assert durations["intergenic"] == [[480, 1]]
        assert train["censored"]["intergenic"] == 4
        source, destination = NAMES.index("first_intron"), NAMES.index("start_codon")
        assert train["transitions"][source][destination] == 1
        assert sum(map(sum, train["transitions"])) == 10 + 6

    def test_bases_count_once(self, toy: Toy, tmp_path: Path) -> None:
        stats = toy.bake(tmp_path / "x", JOB)["splits"]
        assert sum(stats["train"]["bases"].values()) == 2000
        assert stats["train"]["bases"]["stop_codon"] == 9
        assert abs(sum(stats["train"]["shares"].values()) - 1) < 1e-9
        assert sum(stats["test"]["bases"].values()) == sum(stats["validation"]["bases"].values()) == 1000

    def test_batches_add_up(self, toy: Toy, tmp_path: Path) -> None:
        whole = toy.bake(tmp_path / "whole", JOB)
        parts = []
        for seqid in "abc":
            part = Toy()
            part.sequences, part.genes = toy.sequences, {name: [] for name in toy.sequences}
            baker = Baker(JOB, dict.fromkeys(toy.sequences, 1000))
            (tmp_path / seqid).mkdir()
            with baker.writing(tmp_path / seqid):
                baker.add(seqid, toy.sequences[seqid], toy.genes[seqid])
            parts.append(baker.finish())
        assert sum_stats(parts) == whole
        shared = homologues_across_splits(tmp_path / name for name in "abc")
        assert shared["genes"] == {"train": 3, "validation": 1, "test": 1}
        assert shared["pairs"] == []

    def test_a_copied_gene_across_splits_is_reported(self, toy: Toy, tmp_path: Path) -> None:
        toy.place("copy", "b", 620, orf(60, 3), "-")
        toy.bake(tmp_path / "x", JOB)
        found = homologues_across_splits([tmp_path / "x"])
        assert found["shared"] == {"test/train": 1, "train/test": 1}
        (pair,) = found["pairs"]
        assert set(pair["genes"]) == {"toy:a3", "toy:copy"} and pair["share"] == 1.0
        (line,) = describe_homologues([tmp_path / "x"])
        assert "1 genes of train have one in test" in line and "toy:a3 ~ toy:copy (1.0)" in line
        (tmp_path / "prompts").mkdir()
        assert describe_homologues([tmp_path / "x", tmp_path / "prompts"]) == []


class TestChoice:
    def test_empty_training_windows_are_thinned_and_no_others(self, toy: Toy, tmp_path: Path) -> None:
        def job(rate: float) -> BakeJob:
            config = BakeConfig(window=200, overlap=50, empty_rate=rate)
            return BakeJob("toy", config, Splits(train=["a", "c"], test=["b"]))

        everything = toy.bake(tmp_path / "all", job(1.0))["splits"]
        half = toy.bake(tmp_path / "half", job(0.5))["splits"]
        none = toy.bake(tmp_path / "none", job(0.0))["splits"]
        assert everything["test"] == half["test"] == none["test"]
        assert none["train"]["windows"] < half["train"]["windows"] < everything["train"]["windows"]
        assert none["train"]["dropped"]["no gene"] + none["train"]["windows"] == everything["train"]["windows"]
        assert none["train"]["durations"] == everything["train"]["durations"]
        assert all(sample.meta.genes for sample in ShardDataset([tmp_path / "none"], "train"))

    def test_equal_input_gives_equal_bytes(self, toy: Toy, tmp_path: Path) -> None:
        for name in ("x", "y"):
            toy.bake(tmp_path / name, JOB)
        files = sorted(path.name for path in (tmp_path / "x").iterdir())
        assert {STATS, GENES, MANIFEST, "train-00000.tar", "train-00001.tar"} <= set(files)
        for name in files:
            assert (tmp_path / "x" / name).read_bytes() == (tmp_path / "y" / name).read_bytes()


class TestErrors:
    LENGTHS = {"a": 1000}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("job", "message"),
        [
            (BakeJob(bake=BakeConfig(scheme="other"), splits=Splits(["a"])), "no label scheme 'other'"),
            (BakeJob(bake=BakeConfig(window=50, overlap=50), splits=Splits(["a"])), "an overlap of 50"),
            (BakeJob(splits=Splits(["a"]), skip=["x"]), "no sequence 'x' to skip"),
            (BakeJob("yeast"), "genome 'yeast' has no splits"),
            (BakeJob(splits=Splits(["a"]), genetic_code=7), "no NCBI table 7"),
        ],
    )
    def test_one_line_each(self, job: BakeJob, message: str) -> None:
        with pytest.raises(InputError, match=message):
            Baker(job, self.LENGTHS)

    def test_merging_what_was_not_baked(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"no index.json"):
            homologues_across_splits([tmp_path])
        with pytest.raises(InputError, match="no batches to add"):
            sum_stats([])
