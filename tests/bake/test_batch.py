"""A batch from a FASTA file and a catalogue, and the script in front of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.bake.test_baker import JOB, Toy, orf

from genescribe.bake.baker import STATS, Baker
from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob
from genescribe.bake.splits import Splits
from genescribe.bake.stats import sum_stats
from genescribe.config import to_mapping
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.fasta import write_fasta
from genescribe.labels.gene_rules import GeneRules


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return a catalogue and its FASTA file."""
    toy = Toy()
    for number, seqid in enumerate(("a", "b", "c")):
        toy.sequence(seqid, 1000, seed=number)
        toy.place(f"{seqid}1", seqid, 100, orf(40, number), "+", intron=(50, 60))
        toy.place(f"{seqid}2", seqid, 600, orf(50, 9 + number), "-")
    toy.place("slip", "a", 900, orf(20, 30), intron=(30, 4))
    genes = [gene for members in toy.genes.values() for gene in members]
    fasta, annotation = tmp_path / "genome.fa", tmp_path / "annotation.gff3"
    write_fasta(fasta, toy.sequences.items())
    write_gff3(annotation, genes, {seqid: len(codes) for seqid, codes in toy.sequences.items()})
    build_catalogue(fasta, annotation, tmp_path / "catalogue.duckdb")
    return tmp_path / "catalogue.duckdb", fasta


def script(repository: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(repository / "scripts/bake.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_frameshift_bridged_by_a_short_intron_is_masked(files: tuple[Path, Path], tmp_path: Path) -> None:
    bake_batch(*files, JOB, ["a"], tmp_path / "x")
    assert read_json(tmp_path / "x" / "index.json")["slip"]["reason"] == "intron too short"
    lax = BakeJob("toy", BakeConfig(gene=GeneRules(shortest_intron=4)), Splits(train=["a"]))
    bake_batch(*files, lax, ["a"], tmp_path / "lax")
    assert read_json(tmp_path / "lax" / "index.json")["slip"]["reason"] is None


def test_the_division_into_batches_changes_no_window(files: tuple[Path, Path], tmp_path: Path) -> None:
    bake_batch(*files, JOB, ["a", "b", "c"], tmp_path / "whole")
    parts = [tmp_path / name for name in ("one", "none", "two")]
    for part, seqids in zip(parts, (["a"], [], ["b", "c"]), strict=True):
        bake_batch(*files, JOB, seqids, part)
    for split in ("train", "validation", "test"):
        whole, divided = ShardDataset([tmp_path / "whole"], split), ShardDataset(parts, split)
        assert [s.key for s in whole] == [s.key for s in divided]
        assert all(np.array_equal(a.runs, b.runs) and a.meta == b.meta for a, b in zip(whole, divided, strict=True))
    assert sum_stats(read_json(part / STATS) for part in parts) == sum_stats([read_json(tmp_path / "whole" / STATS)])


def test_the_manifest_names_every_file_and_parameter(files: tuple[Path, Path], tmp_path: Path) -> None:
    bake_batch(*files, JOB, ["a", "b"], tmp_path / "x")
    manifest = read_json(tmp_path / "x" / "bake.json")
    assert manifest["job"] == to_mapping(JOB)
    assert set(manifest["inputs"]) == {"a", "b"}
    assert set(manifest["outputs"]) | {"bake.json"} == set(contents(tmp_path / "x"))
    assert str(tmp_path) not in json.dumps(manifest)


def test_a_batch_appears_whole_or_not_at_all(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x"
    bake_batch(*files, JOB, ["a"], target)
    before, beside = contents(target), set(tmp_path.iterdir())

    def fail(_: Baker) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Baker, "finish", fail)
    with pytest.raises(KeyboardInterrupt):
        bake_batch(*files, JOB, ["a", "b"], target)
    assert contents(target) == before
    assert set(tmp_path.iterdir()) == beside


def test_another_genome_or_genetic_code_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    catalogue, fasta = files
    write_fasta(tmp_path / "other.fa", [("a", "ACGT")])
    with pytest.raises(InputError, match="the catalogue belongs to another genome"):
        bake_batch(catalogue, tmp_path / "other.fa", BakeJob(splits=Splits(train=["a"])), ["a"], tmp_path / "x")
    with pytest.raises(InputError, match="checked with genetic code 1, not 4"):
        bake_batch(catalogue, fasta, BakeJob(splits=Splits(train=["a"]), genetic_code=4), ["a"], tmp_path / "x")
    assert not (tmp_path / "x").exists()


class TestScript:
    def test_it_writes_what_the_library_writes(
        self, files: tuple[Path, Path], tmp_path: Path, repository: Path
    ) -> None:
        common = ("--catalogue", files[0], "--fasta", files[1], "--options", json.dumps(to_mapping(JOB)))
        for batch in ("0", "1"):
            result = script(repository, *common, "--batch", batch, "--batches", "2", "--output", tmp_path / batch)
            assert result.returncode == 0, result.stderr
        bake_batch(*files, JOB, ["a", "c"], tmp_path / "library")
        assert contents(tmp_path / "0") == contents(tmp_path / "library")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("{", "--options: not JSON"),
            ("[]", "--options: not a JSON object"),
            ('{"splits": {"dev": ["a"]}}', "unknown key `splits.dev`"),
            ('{"bake": {"window": 0}}', "`bake.window` is 0; give at least 1"),
            ('{"splits": {"train": ["d"]}}', "no sequence 'd'"),
        ],
    )
    def test_bad_options_are_one_line(
        self, files: tuple[Path, Path], tmp_path: Path, repository: Path, options: str, message: str
    ) -> None:
        common = ("--catalogue", files[0], "--fasta", files[1], "--output", tmp_path / "x")
        result = script(repository, *common, "--options", options)
        assert result.returncode == 2
        assert message in result.stderr and result.stderr.count("\n") == 1
        assert not (tmp_path / "x").exists()
