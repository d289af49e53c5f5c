"""Windows at regular steps: no gene is cut, all genes of a strand are said, and they are read and told apart again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.generate.toy_loci import LENGTH, SPLITS, learned_by_heart, toy_config, toy_gene

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob, LociConfig
from genescribe.bake.splits import Splits
from genescribe.data.dataset import ShardDataset
from genescribe.files import read_json
from genescribe.generate.annotation.score import accuracy, annotated, write_loci
from genescribe.generate.config import ScoreConfig
from genescribe.generate.loci.bake import SentenceBaker
from genescribe.generate.loci.tiles import SHORTEST, genes_apart, tile_windows
from genescribe.generate.training.task import GenerateTask
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.catalogue.tables import Rejected
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene, Transcript

NAMES = ["t0", "t1", "v0", "x0"]
SIZE, STEP = 3 * LENGTH, LENGTH
INTERVALS = st.tuples(st.integers(0, 900), st.integers(1, 200)).map(lambda x: (x[0], x[0] + x[1]))


@given(st.lists(INTERVALS, max_size=12), st.integers(50, 400), st.integers(20, 400), st.integers(1, 1000))
def test_no_window_cuts_a_gene(genes: list[tuple[int, int]], size: int, step: int, high: int) -> None:
    found = tile_windows((0, high), genes, size, step)
    for window in found:
        assert 0 <= window.start < window.end <= high
        assert min(size, high) <= SHORTEST * (window.end - window.start) <= SHORTEST * size
        assert not any(a < edge < b for a, b in genes for edge in (window.start, window.end) if 0 < edge < high)
        inside = [i for i, (a, b) in enumerate(genes) if window.start <= a and b <= window.end]
        assert list(window.members) == inside
    assert len({(window.start, window.end) for window in found}) == len(found)
    if not genes and step <= size:
        covered = np.zeros(high, dtype=bool)
        for window in found:
            covered[window.start : window.end] = True
        assert covered.all()


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Gene]]:
    """Four sequences of five genes each."""
    folder, rng = tmp_path_factory.mktemp("tiles"), np.random.default_rng(2)
    records, genes = [], []
    for name in NAMES:
        parts = [toy_gene(f"{name}{letter}", rng) for letter in "abcde"]
        records.append((name, np.concatenate([codes for codes, _ in parts])))
        genes += [_moved(gene, name, number * LENGTH) for number, (_, gene) in enumerate(parts)]
    write_fasta(folder / "genome.fa", records)
    write_gff3(folder / "genes.gff3", genes, {name: len(codes) for name, codes in records})
    build_catalogue(folder / "genome.fa", folder / "genes.gff3", folder / "catalogue.duckdb")
    return folder, genes


def _moved(gene: Gene, seqid: str, by: int) -> Gene:
    transcripts = [
        replace(t, exons=tuple((a + by, b + by) for a, b in t.exons), cds=tuple((a + by, b + by) for a, b in t.cds))
        for t in gene.transcripts
    ]
    return replace(gene, seqid=seqid, transcripts=tuple(transcripts))


def bake(folder: Path, target: Path, empty: float = 0.0) -> Path:
    loci = LociConfig(window_step=SIZE, tile_step=STEP, empty=empty)
    job = BakeJob("toy", BakeConfig(target="sentences", loci=loci), SPLITS)
    bake_batch(folder / "catalogue.duckdb", folder / "genome.fa", job, NAMES, target, SentenceBaker)
    return target


def structures(genes: list[Gene]) -> set[tuple[object, ...]]:
    return {(g.strand, tuple(sorted((t.exons, t.cds) for t in g.transcripts))) for g in genes}


def test_a_window_says_all_genes_of_its_strand(genome: tuple[Path, list[Gene]], tmp_path: Path) -> None:
    folder, genes = genome
    baked = bake(folder, tmp_path / "a", empty=1.0)
    several = 0
    for part in ("train", "validation", "test"):
        data = ShardDataset([baked], part)
        for sample in (data[i] for i in range(len(data))):
            meta = sample.meta
            here = [g for g in genes if g.seqid == meta.seqid and meta.start <= g.start and g.end <= meta.end]
            if not meta.sentence:
                assert part == "train"
                assert not [g for g in here if g.strand == meta.strand]
                continue
            whole = annotated(sample)
            expected = [g for g in here if g.strand == whole.strand]
            assert structures(genes_apart(whole)) == structures(expected)
            assert sorted(meta.genes) == sorted(g.id for g in expected)
            several += len(expected) > 1
    assert several > 5
    index = read_json(baked / "index.json")
    assert set(index) == {gene.id for gene in genes}
    assert all(row["windows"] and row["reason"] is None for row in index.values())
    assert read_json(baked / "stats.json")["splits"]["train"]["empty"] > 0
    none = bake(folder, tmp_path / "b")
    assert "empty" not in read_json(none / "stats.json")["splits"]["train"]
    assert read_json(bake(folder, tmp_path / "c", empty=1.0) / "bake.json") == read_json(baked / "bake.json")


def test_a_gene_that_cannot_be_said_spoils_its_windows_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    parts = [toy_gene(f"t{letter}", rng) for letter in "abcde"]
    genes = [replace(_moved(gene, "t0", i * LENGTH), id=f"g{i}") for i, (_, gene) in enumerate(parts)]
    broken = np.concatenate([codes for codes, _ in parts])
    middle = genes[2].transcripts[0].cds
    broken[middle[0][0] : middle[0][0] + 3] = broken[middle[-1][1] - 3 : middle[-1][1]] = 0  # neither start nor stop
    write_fasta(tmp_path / "genome.fa", [("t0", broken)])
    write_gff3(tmp_path / "genes.gff3", genes, {"t0": len(broken)})
    build_catalogue(tmp_path / "genome.fa", tmp_path / "genes.gff3", tmp_path / "catalogue.duckdb")
    loci = LociConfig(window_step=SIZE, tile_step=STEP, empty=1.0)
    job = BakeJob("toy", BakeConfig(target="sentences", loci=loci), Splits(train=["t0"]))
    bake_batch(tmp_path / "catalogue.duckdb", tmp_path / "genome.fa", job, ["t0"], tmp_path / "baked", SentenceBaker)
    index = read_json(tmp_path / "baked" / "index.json")
    assert index["g2"]["reason"] is not None
    data = ShardDataset([tmp_path / "baked"], "train")
    strand = genes[2].strand
    for sample in (data[i] for i in range(len(data))):
        meta = sample.meta
        if (annotated(sample).strand if meta.sentence else meta.strand) == strand:
            assert not (meta.start <= genes[2].start and genes[2].end <= meta.end)
    assert read_json(tmp_path / "baked" / "stats.json")["left_out"]["window with a gene that cannot be said"] > 0


def test_what_the_catalogue_rejected_spoils_its_windows(genome: tuple[Path, list[Gene]], tmp_path: Path) -> None:
    folder, genes = genome
    here = sorted((gene for gene in genes if gene.seqid == "t0"), key=lambda gene: gene.start)
    gone = here[2]
    loci = LociConfig(window_step=SIZE, tile_step=STEP, empty=1.0)
    job = BakeJob("toy", BakeConfig(target="sentences", loci=loci), Splits(train=["t0"]))
    bases = Genome.open(folder / "genome.fa")
    baker = SentenceBaker(job, {"t0": bases.lengths["t0"]})
    (tmp_path / "baked").mkdir()
    baker.writing(tmp_path / "baked")
    lost = Rejected(gone.id, None, "t0", gone.start, gone.end, gone.strand, "no start", 1, "")
    baker.add("t0", bases.codes("t0"), [gene for gene in here if gene is not gone], [lost])
    baker.finish()
    assert baker.index[gone.id]["reason"] == "catalogue: no start"
    assert baker.left_out["window with a gene that cannot be said"] > 0
    data = ShardDataset([tmp_path / "baked"], "train")
    for sample in (data[i] for i in range(len(data))):
        meta = sample.meta
        if (annotated(sample).strand if meta.sentence else meta.strand) == gone.strand:
            assert not (meta.start <= gone.start and gone.end <= meta.end)


@pytest.mark.parametrize("architecture", ["encoder_decoder", "prefix_lm"])
def test_learned_by_heart_they_are_found_again(
    genome: tuple[Path, list[Gene]], tmp_path: Path, architecture: str
) -> None:
    baked = bake(genome[0], tmp_path / "baked")
    task = GenerateTask(toy_config(architecture=architecture), [baked])
    model, loci = learned_by_heart(task)
    assert all(len(locus.codes) > LENGTH for locus in loci)
    config = ScoreConfig(split="train", bootstrap=0)
    found = accuracy(write_loci(model, [baked], config), config)
    assert found["levels"]["gene"]["f1"] == found["levels"]["transcript"]["f1"] == 1.0
    # Each gene counts once, however many windows hold it.
    assert found["levels"]["gene"]["reference"] == 10


def test_transcripts_that_share_no_base_are_genes_apart() -> None:
    def transcript(name: str, *exons: tuple[int, int]) -> Transcript:
        return Transcript(name, exons, exons)

    one, two, bridge = (
        transcript("t1", (0, 10), (50, 60)),
        transcript("t2", (20, 30)),
        transcript("t3", (5, 8), (25, 28)),
    )
    assert [len(g.transcripts) for g in genes_apart(Gene("g", "s", "+", (one, two)))] == [1, 1]
    assert [g.id for g in genes_apart(Gene("g", "s", "+", (one, two)))] == ["g.1", "g.2"]
    assert genes_apart(Gene("g", "s", "+", (one, two, bridge))) == [Gene("g", "s", "+", (one, two, bridge))]
