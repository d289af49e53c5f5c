"""Windows without a gene: baked at a rate, apart from all genes, and answered by none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.generate.toy_loci import SPLITS, learned_by_heart, random_model, toy_config, toy_gene

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob, LociConfig
from genescribe.data.dataset import ShardDataset
from genescribe.data.shards import SPLITS as PARTS
from genescribe.errors import InputError
from genescribe.files import read_json, sha256
from genescribe.generate.annotation.score import write_loci
from genescribe.generate.annotation.search import SearchConfig, write
from genescribe.generate.config import ScoreConfig
from genescribe.generate.forms.examples import contents
from genescribe.generate.loci.bake import SentenceBaker
from genescribe.generate.model import load_model, pad_codes
from genescribe.generate.network.locus_reader import Content
from genescribe.generate.reinforce.config import GrpoConfig
from genescribe.generate.reinforce.policy import Policy
from genescribe.generate.reinforce.prompts import _loci
from genescribe.generate.reinforce.task import GrpoTask
from genescribe.generate.training.task import GenerateTask, matches
from genescribe.genome.alphabet import reverse_complement
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene

NAMES = ["t0", "t1", "t2", "t3", "v0", "x0"]


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Gene]]:
    """Six sequences, a gene in each, 700 bases behind it that are none."""
    folder, rng = tmp_path_factory.mktemp("empty"), np.random.default_rng(6)
    records, genes = [], []
    for name in NAMES:
        codes, gene = toy_gene(name, rng)
        records.append((name, np.concatenate([codes, rng.choice(4, size=700).astype(np.uint8)])))
        genes.append(gene)
    write_fasta(folder / "genome.fa", records)
    write_gff3(folder / "genes.gff3", genes, {name: len(codes) for name, codes in records})
    build_catalogue(folder / "genome.fa", folder / "genes.gff3", folder / "catalogue.duckdb")
    return folder, genes


def bake(folder: Path, target: Path, empty: float) -> Path:
    config = BakeConfig(target="sentences", loci=LociConfig(flank=40, window_step=64, empty=empty))
    bake_batch(
        folder / "catalogue.duckdb", folder / "genome.fa", BakeJob("toy", config, SPLITS), NAMES, target, SentenceBaker
    )
    return target


def test_windows_without_genes_are_kept_at_the_rate(genome: tuple[Path, list[Gene]], tmp_path: Path) -> None:
    folder, genes = genome
    baked = bake(folder, tmp_path / "a", 2.0)
    parts = {part: ShardDataset([baked], part) for part in PARTS}
    samples = {part: [data[i] for i in range(len(data))] for part, data in parts.items()}
    empty = [sample for sample in samples["train"] if not sample.meta.sentence]
    assert len(samples["train"]) - len(empty) == 4 and len(empty) == 8
    assert all(sample.meta.sentence for part in ("validation", "test") for sample in samples[part])
    assert read_json(baked / "stats.json")["splits"]["train"]["empty"] == 8
    bases, spans = Genome.open(folder / "genome.fa"), {gene.seqid: (gene.start, gene.end) for gene in genes}
    for sample in empty:
        meta, (begin, end) = sample.meta, spans[sample.meta.seqid]
        assert meta.end <= begin or meta.start >= end
        assert meta.end - meta.start == end - begin + 80 == len(sample.codes)
        codes = bases.codes(meta.seqid, meta.start, meta.end)
        assert np.array_equal(sample.codes, codes if meta.strand == "+" else reverse_complement(codes))
    assert {sample.meta.strand for sample in empty} == {"+", "-"}
    assert len({sample.key for sample in samples["train"]}) == 12
    again = bake(folder, tmp_path / "b", 2.0)
    names = sorted(path.name for path in baked.glob("*.tar"))
    assert [sha256(baked / name) for name in names] == [sha256(again / name) for name in names]
    none = ShardDataset([bake(folder, tmp_path / "c", 0.0)], "train")
    assert len(none) == 4
    # Nothing is asked of them where a gene must be written.
    assert len(list(_loci([baked], "train"))) == 4


def test_a_model_that_must_write_a_gene_refuses_them(genome: tuple[Path, list[Gene]], tmp_path: Path) -> None:
    task = GenerateTask(toy_config(), [bake(genome[0], tmp_path / "a", 1.0)])
    sample = next(s for s in map(task.training.__getitem__, range(len(task.training))) if not s.meta.sentence)
    with pytest.raises(InputError, match="may_be_empty"):
        task._locus(sample, shift=0)
    start = random_model(tmp_path / "m", may_be_empty=True)
    with pytest.raises(InputError, match="prompt without a gene"):
        GrpoTask(GrpoConfig(), [tmp_path / "a"], start)._locus(sample, shift=0)


def test_an_empty_answer_is_drawn_and_scored_alike(tmp_path: Path) -> None:
    policy = Policy(load_model(random_model(tmp_path / "m", may_be_empty=True)))
    codes, gene = toy_gene("g", np.random.default_rng(4))
    window = codes if gene.strand == "+" else reverse_complement(codes)
    (group,) = policy.sample([window], 40, max_length=40)
    none = [outcome for outcome in group if len(outcome.values) == 1]
    assert none and {outcome.reason for outcome in none} == {"no gene"}
    assert all(outcome.status == "rejected" and outcome.sentence is None for outcome in none)
    scored = policy.score([window] * 40, [outcome.values for outcome in group])
    for row, outcome in zip(scored.logs, group, strict=True):
        assert row[: len(outcome.logs)].tolist() == pytest.approx(outcome.logs, abs=1e-4)


def test_genes_and_their_absence_are_learned_by_heart(genome: tuple[Path, list[Gene]], tmp_path: Path) -> None:
    config = replace(toy_config(architecture="prefix_lm"), decoder_layers=2, may_be_empty=True)
    baked = bake(genome[0], tmp_path / "a", 1.0)
    task = GenerateTask(config, [baked])
    assert len(task.training) == len(task._sizes()) == 8
    model, loci = learned_by_heart(task)
    session = model.begin(*pad_codes([locus.codes for locus in loci], "cpu"))
    automata = [model.automaton(task.signals(locus.codes)) for locus in loci]
    for locus, outcome in zip(loci, write(session, automata, SearchConfig()), strict=True):
        if locus.sentence is None:
            assert (outcome.status, outcome.reason) == ("rejected", "no gene")
            assert set(contents(None, len(locus.codes)).tolist()) == {Content.OUTSIDE}
        else:
            assert outcome.sentence is not None
            counts = matches(locus.sentence, outcome.sentence)[:2]
            assert (counts == counts[:, :1]).all(), "exons and transcripts: annotated, written and right are as many"
    assert len(write_loci(model, [baked], ScoreConfig("train", bootstrap=0)).truth) == 4
