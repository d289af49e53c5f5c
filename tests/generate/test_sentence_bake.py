"""Baked loci: every gene in a window or with a reason; the same bytes again; training resumed to the same weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
import torch
from tests.generate.toy_loci import bake_toy, toy_config, toy_genome

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob, LociConfig
from genescribe.bake.splits import Splits
from genescribe.config import from_mapping
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.generate.loci.bake import LOCI, SentenceBaker
from genescribe.generate.text.sentence import GeneSentence, gene_of, sentence_of
from genescribe.generate.training.task import GenerateTask, matches
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.fasta import write_fasta
from genescribe.genome.model import Gene, Transcript
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train

SIZES = {"t": 24, "v": 6, "x": 4}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    bake_toy(folder, SIZES)
    return folder


def test_loci_give_their_genes_back(toy: Path) -> None:
    genes = {gene.id: gene for gene in read_genes(toy / "genes.gff3")}
    seen = []
    for split in ("train", "validation", "test"):
        for sample in (dataset := ShardDataset([toy / "baked"], split)):  # type: ignore[attr-defined]
            if len(seen) >= sum(SIZES.values()):
                break
            meta = sample.meta
            assert meta.end - meta.start == len(sample.codes)
            assert (meta.end - meta.start) % 64 == 0 or (meta.start, meta.end) == (0, 400)
            (name,) = meta.genes
            again = gene_of(GeneSentence.parse(meta.sentence), name, meta.seqid, meta.start)
            assert sentence_of(again) == sentence_of(genes[name])
            seen.append(name)
        assert len(dataset) == {"train": 24, "validation": 6, "test": 4}[split]
    assert sorted(seen) == sorted(genes)


def test_the_table_of_loci_and_the_statistics_agree(toy: Path) -> None:
    with duckdb.connect(str(toy / "baked" / LOCI), read_only=True) as connection:
        rows = connection.execute(
            "SELECT split, count(*), sum(transcripts), sum(tokens) FROM loci GROUP BY 1"
        ).fetchall()
    stats = read_json(toy / "baked" / "stats.json")
    for split, count, transcripts, tokens in rows:
        found = stats["splits"][split]
        assert (count, transcripts, tokens) == (found["loci"], found["transcripts"], found["tokens"])
    index = read_json(toy / "baked" / "index.json")
    assert all((entry["reason"] is None) == bool(entry["windows"]) for entry in index.values())


def test_baking_again_gives_the_same_bytes(toy: Path, tmp_path: Path) -> None:
    again = bake_toy(tmp_path, SIZES)
    for path in sorted((toy / "baked").iterdir()):
        if path.name != LOCI:
            assert path.read_bytes() == (again / path.name).read_bytes()


def test_what_has_no_window_has_a_reason(tmp_path: Path) -> None:
    cds = ((100, 103), (130, 136))
    codes = np.full(2_000, 1, dtype=np.uint8)
    codes[[100, 101, 102]] = 0, 3, 2
    codes[[133, 134, 135]] = 3, 0, 0
    good = Transcript("good", cds, cds)
    genes = [
        Gene("good", "a", "+", (good, Transcript("nc", ((100, 136),)))),
        Gene("nc", "a", "+", (Transcript("nc2", ((200, 300),)),), biotype="lncRNA"),
        Gene("bad", "a", "+", (Transcript("bad.t", ((400, 409),), ((400, 409),)),)),
        Gene("far", "b", "+", (Transcript("far.t", cds, cds),)),
        Gene("edge", "c", "+", (Transcript("edge.t", cds, cds),)),
        Gene("long", "d", "+", (Transcript("long.t", (*cds, (1_500, 1_600)), cds),)),
    ]
    write_fasta(tmp_path / "g.fa", [(name, codes) for name in "abcd"])
    write_gff3(tmp_path / "g.gff3", genes, dict.fromkeys("abcd", 2_000))
    build_catalogue(tmp_path / "g.fa", tmp_path / "g.gff3", tmp_path / "c.duckdb")
    splits = Splits(train=["a", "d", "c:1-120"], validation=["c:121-2000"])
    config = BakeConfig(target="sentences", loci=LociConfig(flank=10, window_step=100, window_limit=900))
    job = BakeJob("g", config, splits)
    stats = bake_batch(tmp_path / "c.duckdb", tmp_path / "g.fa", job, list("abcd"), tmp_path / "out", SentenceBaker)
    index = read_json(tmp_path / "out" / "index.json")
    assert {name: entry["reason"] for name, entry in index.items()} == {
        "good": None,
        "nc": "non-coding transcript",
        "bad": "no start codon",
        "far": "its sequence is in no split",
        "edge": "crosses the edge of a split",
        "long": "longer than the longest window",
    }
    assert sum(stats["rejected"].values()) == 5
    assert stats["left_out"] == {"non-coding transcript": 1}


def test_other_shards_are_refused(tmp_path: Path) -> None:
    fasta, annotation, _ = toy_genome(tmp_path, {"t": 2})
    build_catalogue(fasta, annotation, tmp_path / "c.duckdb")
    bake_batch(tmp_path / "c.duckdb", fasta, BakeJob("g", splits=Splits(train=["*"])), ["t0", "t1"], tmp_path / "out")
    with pytest.raises(InputError, match="without sentences"):
        GenerateTask(toy_config(), [tmp_path / "out"])


class KilledError(Exception):
    """Stands for a process that is killed."""


@pytest.mark.parametrize(("buckets", "architecture"), [(0, "encoder_decoder"), (3, "prefix_lm")])
def test_training_that_was_killed_goes_on_to_the_same_weights(
    buckets: int, architecture: str, toy: Path, tmp_path: Path
) -> None:
    options = {"max_steps": 6, "batch_size": 4, "lr": 3e-3, "validate_epochs": 0.5, "checkpoint_steps": 1}
    config = from_mapping(TrainConfig, options | {"device": "cpu", "buckets": buckets}, where="test")
    model = toy_config(shift=20, dropout=0.1, architecture=architecture)

    class Killed(GenerateTask):
        steps = 0

        def loss(self, model: torch.nn.Module, batch: list[object]) -> object:  # type: ignore[override]
            self.steps += 1
            if self.steps == 5:
                raise KilledError
            return super().loss(model, batch)  # type: ignore[arg-type]

    whole = train(GenerateTask(model, [toy / "baked"]), config, tmp_path / "whole")
    with pytest.raises(KilledError):
        train(Killed(model, [toy / "baked"]), config, tmp_path / "broken")
    broken = train(GenerateTask(model, [toy / "baked"]), config, tmp_path / "broken")
    assert (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()
    header, *rows = (tmp_path / "whole" / "log.csv").read_text().splitlines()
    assert {"nll", "perplexity", "exon_f1", "transcript_f1", "accepted"} <= set(header.split(","))
    assert any("validation" in row for row in rows)


def test_eight_loci_are_learned_by_heart(toy: Path) -> None:
    """The side of the overfitting test that is quick: toy loci, isoforms included, written exactly."""
    task = GenerateTask(replace(toy_config(), constraint="orf"), [toy / "baked"])
    loci = [task._locus(task.training[i], shift=0) for i in range(8)]
    torch.manual_seed(0)
    model = task.build()
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
    for _ in range(120):
        losses, kinds = task._losses(model.train(), loci)
        loss = losses.nll.sum() / (kinds >= 0).sum() + losses.content
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if float(loss.detach()) < 0.02:
            break
    written = task.write(model.eval(), loci)
    assert written == [locus.sentence for locus in loci]
    counts = sum(matches(locus.sentence, found) for locus, found in zip(loci, written, strict=True))
    assert (counts[:, 0] == counts[:, 2]).all()  # type: ignore[index]
