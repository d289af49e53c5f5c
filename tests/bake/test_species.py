"""Species of a folder: found, baked each by itself, the failing one reported, the baked ones left alone."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from tests.generate.toy_loci import toy_config, toy_genome

from genescribe.bake.config import BakeConfig, LociConfig
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.generate.loci.species_folders import SpeciesConfig, bake_species, evaluation_loci, files_of
from genescribe.generate.training.task import GenerateTask

BAKE = BakeConfig(target="sentences", loci=LociConfig(flank=40, window_step=64))


def species(folder: Path, count: int, seed: int) -> None:
    """Write a species as users have it: fna.gz and gff.gz."""
    fasta, annotation, _ = toy_genome(folder / "made", {"s": count}, seed)
    for source, name in ((fasta, "fna.gz"), (annotation, "gff.gz")):
        (folder / name).write_bytes(gzip.compress(source.read_bytes(), mtime=0))
        source.unlink()
    for left in (folder / "made").iterdir():
        left.unlink()
    (folder / "made").rmdir()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for seed, (name, count) in enumerate({"A.one": 6, "B.two": 5, "C.three": 4}.items()):
        species(folder / name, count, seed)
    (folder / "D.broken").mkdir()
    (folder / "D.broken" / "fna").write_text(">a\nACGT\n")
    (folder / "D.broken" / "gff").write_text("this is no annotation\n")
    (folder / "E.empty").mkdir()
    return folder


def test_a_failing_species_is_reported_and_the_others_go_on(raw: Path, tmp_path: Path) -> None:
    config = SpeciesConfig(BAKE, val_species=["C.three"], eval_loci=3)
    report = bake_species(raw, config, tmp_path)
    assert report.baked == ["A.one", "B.two", "C.three"]
    assert set(report.failed) == {"D.broken", "E.empty"}
    assert "not one FASTA file" in report.failed["E.empty"]
    told = read_json(tmp_path / "bake_config.json")
    assert told["failed"] == report.failed
    assert told["species"]["A.one"]["train"]["loci"] == 6
    index = read_json(tmp_path / "gene_index.json")
    assert {name: len(genes) for name, genes in index.items()} == {"A.one": 6, "B.two": 5, "C.three": 4}
    folders = [tmp_path / name for name in report.baked]
    train, validation = ShardDataset(folders, "train"), ShardDataset(folders, "validation")
    assert {train[i].meta.genome for i in range(len(train))} == {"A.one", "B.two"}
    assert {validation[i].meta.genome for i in range(len(validation))} == {"C.three"}
    loci = read_json(tmp_path / "eval.json")
    assert len(loci) == 3
    for locus in loci:
        assert locus["species"] == "C.three"
        assert locus["window_end"] - locus["window_start"] == len(locus["sequence"])
        first = next(f for f in locus["ref_features"] if f["type"] == "CDS")
        codon = locus["sequence"][first["start"] : first["start"] + 3]
        assert codon == "ATG" if locus["strand"] == "+" else first["strand"] == "-"
        assert {name for chain in locus["transcripts"] for name in chain} == {f["name"] for f in locus["ref_features"]}


def test_what_is_baked_stays_and_what_has_changed_is_baked_again(raw: Path, tmp_path: Path) -> None:
    config = SpeciesConfig(BAKE, eval_loci=0)
    bake_species(raw, config, tmp_path)
    before = {name: (tmp_path / name / "bake.json").stat().st_mtime_ns for name in ("A.one", "B.two")}
    bake_species(raw, config, tmp_path)
    assert {name: (tmp_path / name / "bake.json").stat().st_mtime_ns for name in before} == before
    bake_species(raw, SpeciesConfig(BAKE, eval_loci=0, test_species=["B.two"]), tmp_path)
    after = {name: (tmp_path / name / "bake.json").stat().st_mtime_ns for name in before}
    assert after["A.one"] == before["A.one"]
    assert after["B.two"] != before["B.two"]


def test_diverse_loci_take_turns(raw: Path, tmp_path: Path) -> None:
    bake_species(raw, SpeciesConfig(BAKE, val_species=["B.two", "C.three"]), tmp_path)
    folders = [tmp_path / "B.two", tmp_path / "C.three"]
    loci = evaluation_loci(folders, 4, seed=1)
    assert {locus["species"] for locus in loci} == {"B.two", "C.three"}
    assert loci == evaluation_loci(folders, 4, seed=1)
    assert len(evaluation_loci(folders, 1_000, seed=1)) == 9


def test_validations_write_the_loci_of_eval_json(raw: Path, tmp_path: Path) -> None:
    """F1 of each validation is that of the chosen loci; without the file, of all. Test species are not written."""
    config = SpeciesConfig(BAKE, val_species=["B.two"], test_species=["C.three"], eval_loci=6)
    bake_species(raw, config, tmp_path)
    rows = read_json(tmp_path / "eval.json")
    chosen = {row["gene_id"] for row in rows if row["species"] == "B.two"}
    assert 0 < len(chosen) < 5 and len(chosen) < len(rows)
    folders = [tmp_path / name for name in ("A.one", "B.two", "C.three")]
    for wanted in (len(chosen), 5):
        task = GenerateTask(toy_config(), folders)
        model = task.build()
        counts = [task.validate(model, batch) for batch in task.validation_batches(0, 1, 2, 0)]
        assert sum(int(count["loci"][1]) for count in counts) == wanted
        assert sum(int(count["written"][2, 0]) for count in counts) == wanted
        (tmp_path / "eval.json").write_text("[]")


def test_bad_folders(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'X\.none' is no species"):
        bake_species(raw, SpeciesConfig(BAKE, val_species=["X.none"]), tmp_path / "out")
    with pytest.raises(InputError, match="no species here"):
        bake_species(tmp_path, SpeciesConfig(BAKE), tmp_path / "out")
    (tmp_path / "S").mkdir()
    for name in ("a.fa", "b.fa", "x.gff3"):
        (tmp_path / "S" / name).write_text("")
    with pytest.raises(InputError, match=r"not one FASTA file \(a\.fa, b\.fa\)"):
        files_of(tmp_path / "S")


def test_the_script_says_by_its_status_that_a_species_failed(repository: Path, raw: Path, tmp_path: Path) -> None:
    options = '{"bake": {"target": "sentences", "loci": {"flank": 40, "window_step": 64}}}'
    command = [sys.executable, str(repository / "scripts" / "bake_species.py"), str(raw), "--options", options]
    done = subprocess.run(
        [*command, "--val_species", "A.one", "--output", str(tmp_path / "out")], capture_output=True, text=True
    )
    assert done.returncode == 3, done.stderr
    assert "3 species baked, 2 failed" in done.stdout
    assert "D.broken" in done.stderr
