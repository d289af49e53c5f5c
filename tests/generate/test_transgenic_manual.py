"""Every command of docs/coming_from_transgenic.md at toy size, one after the other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest
from tests.generate.published_transgenic import write_transgenic
from tests.generate.toy_loci import random_model, toy_genome
from tests.run_script import run_script
from tests.scripts import programs

from genescribe.commands import console
from genescribe.genome.annotation.gff3 import read_genes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coming_from_transgenic.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a genome, its genes, and two models: a published one and one of this library."""
    folder = tmp_path_factory.mktemp("manual")
    toy_genome(folder, {"t": 4})
    write_transgenic(folder / "published")
    random_model(folder / "ours")
    return folder


def run(repository: Path, folder: Path, words: str, output: Path, model: str = "ours") -> list[str]:
    """Annotate; return the loci that became genes or rejects."""
    line = f"run_genome_annotation.py {folder}/genome.fa {folder}/genes.gff3 -o {output} -m {folder}/{model} {words}"
    run_script(repository, line)
    rejects = [json.loads(text) for text in Path(f"{output}.rejects.txt").read_text().splitlines()]
    return sorted([gene.attributes["GM"] for gene in read_genes(output)] + [row["gm_id"] for row in rejects])


LOCI = [f"t{number}.g" for number in range(4)]


@pytest.mark.parametrize("model", ["ours", "published"])
@pytest.mark.parametrize(
    "words",
    [
        "",
        "--batch_size 1 --num_workers 1 --prefetch_factor 1 --device cpu",
        "--batch_size 1 --max_length 24 --num_workers 0",
        "--no_sort --num_workers 0 --precision fp32 --search beam --beams 2 --max_length 40",
    ],
)
def test_the_examples_of_the_script(repository: Path, folder: Path, tmp_path: Path, model: str, words: str) -> None:
    length = "" if "--max_length" in words else " --max_length 60"
    workers = "" if "--num_workers" in words else " --num_workers 0"
    assert run(repository, folder, words + length + workers, tmp_path / "out.gff3", model) == LOCI


def test_resuming_and_what_is_kept(
    repository: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, output = "--num_workers 0 --keep_db --source transgenic --several_genes", tmp_path / "out.gff3"
    assert run(repository, folder, words, output) == LOCI
    said, written = capsys.readouterr().out, output.stat().st_mtime_ns
    assert run(repository, folder, f"{words} --resume", output) == LOCI
    assert capsys.readouterr().out == said and output.stat().st_mtime_ns == written
    rows = [line.split("\t") for line in output.read_text().splitlines() if not line.startswith("#")]
    assert {row[1] for row in rows} == {"transgenic"} and all("GM=" in row[8] for row in rows)
    with duckdb.connect(f"{output}.loci.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT geneModel FROM geneList ORDER BY rn").fetchall() == [(n,) for n in LOCI]


def test_the_example_of_rejects_runs(
    repository: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loci = [f"t{number}\t0\t2\tg{number}\t0\t-" for number in range(4)]
    (tmp_path / "loci.bed").write_text("\n".join(loci) + "\n")
    line = f"run_genome_annotation.py {folder}/genome.fa {tmp_path}/loci.bed -o {tmp_path}/out.gff3 -m {folder}/ours"
    run_script(repository, f"{line} --num_workers 0 --constraint grammar")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(example, str(PAGE), "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    rows = [json.loads(text) for text in (tmp_path / "out.gff3.rejects.txt").read_text().splitlines()]
    assert len(shown) == sum(bool(row["pred_clean"]) for row in rows)


def test_given_transcripts_are_completed(repository: Path, folder: Path, tmp_path: Path) -> None:
    for model in ("ours", "published"):
        words = "--prompt --num_workers 0 --search beam --beams 2 --max_length 80"
        assert run(repository, folder, words, tmp_path / f"{model}.gff3", model) == LOCI
    merged = tmp_path / "merged.gff3"
    line = f"run_genome_annotation.py {folder}/genome.fa {folder}/genes.gff3 -o {merged} -m {folder}/ours"
    run_script(repository, f"{line} --prompt --merge-into {folder}/genes.gff3 --num_workers 0")
    assert [gene.id for gene in read_genes(merged)] == LOCI


def test_the_data_of_the_isoform_model(repository: Path, folder: Path, tmp_path: Path) -> None:
    console.main(["sort", f"{folder}/genes.gff3", f"{tmp_path}/sorted.gff3"])
    run_script(repository, f"gff2gsf.py {tmp_path}/sorted.gff3 -o {tmp_path}/out.gsf")
    run_script(repository, f"gff2gsf.py {tmp_path}/sorted.gff3 -o {tmp_path}/absolute.gsf --absolute")
    assert len((tmp_path / "out.gsf").read_text().splitlines()) == 4
    assert (tmp_path / "out.gsf").read_text() != (tmp_path / "absolute.gsf").read_text()
    for species in ("first", "second"):
        line = (
            f"gene_list.py {folder}/genome.fa {tmp_path}/sorted.gff3 --db {tmp_path}/genes.duckdb --species {species}"
        )
        run_script(repository, line)
    with duckdb.connect(str(tmp_path / "genes.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*), count(gff) FROM geneList").fetchone() == (8, 8)


def test_the_page_names_only_options_that_there_are(repository: Path) -> None:
    known = {option for name in ("run_genome_annotation", "gff2gsf", "gene_list") for action in
             programs.options(name, []) for option in action.option_strings}  # fmt: skip
    theirs = {"--user", "--scope", "--genome", "--gff", "--output", "--num-beams", "--profile", "--configfile"}
    named = set(re.findall(r"(?<![\w-])--[a-zA-Z][\w-]*", PAGE.read_text()))
    assert named <= known | theirs
