"""Every rule that runs an outside tool, run by Snakemake with the real tool: `make test-tools`.

BUSCO's lineage is made here from the simulated genome's own proteins, so that what must be found is known.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from genescribe.evaluate.tools.busco import run_busco
from genescribe.files import read_json
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.products import LONGEST_PROTEINS, write_products
from genescribe.genome.repair.agat import PROGRAM as AGAT

pytestmark = [pytest.mark.tools, pytest.mark.workflow]

PRESENT, ABSENT = 6, 2
"""Groups of the lineage that the genome's test sequence has, and that it has not."""


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def snakemake(repository: Path, folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile"), "--cores", "2"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the tiny genome is simulated and catalogued."""
    folder = tmp_path_factory.mktemp("tools")
    catalogue = "results/tiny/catalogue/tiny/catalogue.duckdb"
    snakemake(repository, folder, catalogue, "--configfile", str(repository / "tests" / "tiny.yaml"))
    return folder


@pytest.fixture(scope="module")
def options(repository: Path, folder: Path) -> list[str]:
    """Return Snakemake's options for the tiny configuration with every outside tool."""
    genome = Genome.open(folder / "results/tiny/simulate/tiny/genome.fa")
    genes = [g for g in Catalogue(folder / "results/tiny/catalogue/tiny/catalogue.duckdb").genes() if g.seqid == "chr4"]
    write_products(genes, genome, GeneticCode.from_table(1), folder)
    text = (folder / LONGEST_PROTEINS).read_text()
    proteins = [re.sub(r"\s", "", record.partition("\n")[2]) for record in text.split(">")[1:]]
    make_lineage(folder / "tiny_odb10", sorted(set(proteins), key=len)[-PRESENT:])
    tiny = {"augustus": "arabidopsis", "busco": {"lineage": str(folder / "tiny_odb10"), "genome": True}}
    (folder / "tools.yaml").write_text(yaml.safe_dump({"genomes": {"tiny": tiny}}))
    return ["--configfile", str(repository / "tests" / "tiny.yaml"), str(folder / "tools.yaml")]


def make_lineage(folder: Path, proteins: list[str]) -> None:
    """Write a BUSCO lineage: a profile of each protein, and of shuffled ones, which nothing is like."""
    chance = random.Random(1)
    strangers = ["".join(chance.sample(protein, len(protein))) for protein in proteins[:ABSENT]]
    (folder / "hmms").mkdir(parents=True)
    scores, lengths = [], []
    for number, protein in enumerate([*proteins, *strangers], 1):
        name = f"{number}at2759"
        (folder / "one.afa").write_text(f">{name}\n{protein}\n")
        target = str(folder / "hmms" / f"{name}.hmm")
        subprocess.run(
            ["hmmbuild", "--amino", "-n", name, target, str(folder / "one.afa")], check=True, capture_output=True
        )
        scores.append(f"{name}\t{len(protein):.2f}\n")
        lengths.append(f"{name}\t0\t{len(protein) / 20:.4f}\t{len(protein):.2f}\n")
    (folder / "one.afa").unlink()
    (folder / "scores_cutoff").write_text("".join(scores))
    (folder / "lengths_cutoff").write_text("".join(lengths))
    (folder / "dataset.cfg").write_text(
        f"name={folder.name}\nspecies=fly\ndomain=eukaryota\ncreation_date=2024-01-08\nnumber_of_BUSCOs={len(scores)}\n"
        "number_of_species=1\nOrthoDB_version=10\nmax_intron=130000\nmax_seq_len=160000\n"
    )


@needs("busco", "hmmbuild", "augustus")
def test_busco_and_augustus_by_their_rules(repository: Path, folder: Path, options: list[str]) -> None:
    methods = ["reference", "ceiling", "orf_rule", "augustus"]
    targets = [f"results/tiny/busco/proteins/{method}/tiny/busco.json" for method in methods]
    scores = [f"results/tiny/evaluate/{method}/tiny/metrics.json" for method in methods[1:]]
    snakemake(repository, folder, *targets, *scores, *options)
    found = dict(zip(methods, (read_json(folder / target) for target in targets), strict=True))
    assert (found["reference"]["complete"], found["reference"]["missing"]) == (PRESENT, ABSENT)
    for one in found.values():
        assert one["total"] == PRESENT + ABSENT == one["complete"] + one["fragmented"] + one["missing"]
        assert one["lineage"]["name"] == "tiny_odb10" and re.match(r"\d+\.\d+", one["versions"]["busco"])
        assert one["mode"] == "proteins" and one["provenance"]["regions"] == ["chr4"]
    assert found["ceiling"]["complete"] > found["orf_rule"]["complete"]
    assert 0 < read_json(folder / scores[-1])["cds"]["base"]["f1"] < 1
    page = folder / "page.html"
    script = [sys.executable, str(repository / "scripts" / "report.py"), "--results", str(folder / "results/tiny")]
    subprocess.run([*script, "--output", str(page)], check=True, capture_output=True)
    assert f"the {PRESENT + ABSENT} groups of tiny_odb10 (2024-01-08)" in page.read_text()


@needs("busco", "hmmbuild")
def test_every_method_has_its_completeness_and_the_genome_too(
    repository: Path, folder: Path, options: list[str]
) -> None:
    said = snakemake(repository, folder, "--dry-run", "--forceall", *options)
    wanted = {"reference", "tiny", "orf_rule", "ceiling"} | ({"augustus"} if shutil.which("augustus") else set())
    assert set(re.findall(r"output: results/tiny/busco/proteins/(\w+)/tiny/busco.json", said)) == wanted
    assert "output: results/tiny/busco/genome/tiny/busco.json" in said


@needs("busco", "hmmbuild")
@pytest.mark.parametrize("way", ["command", "workflow"])
def test_completeness_stands_on_the_page_of_an_annotation(
    repository: Path, folder: Path, tmp_path: Path, options: list[str], way: str
) -> None:
    genome, lineage = folder / "results/tiny/simulate/tiny/genome.fa", folder / "tiny_odb10"
    if way == "command":
        command = [sys.executable, "-m", "genescribe", "annotate", str(genome), "--regions", "chr4"]
        command += ["--model", "all_genomes", "--species", "arabidopsis", "--busco", str(lineage), "-o", "a.gff3"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        summary, page = tmp_path / "a.summary.json", tmp_path / "a.report.html"
    else:
        config = [f"genome={genome}", "regions=chr4", "model=all_genomes", "species=arabidopsis", f"busco={lineage}"]
        snakemake(repository, tmp_path, "annotate", "--config", *config)
        (page,) = tmp_path.glob("results/annotate/*/*/whole/report.html")
        summary = page.with_name("summary.json")
    counts = read_json(summary)["busco"]
    assert counts["total"] == PRESENT + ABSENT == counts["complete"] + counts["fragmented"] + counts["missing"]
    assert re.match(r"\d+\.\d+", counts["versions"]["busco"]) and counts["proteins"] == read_json(summary)["genes"]
    assert f"{PRESENT + ABSENT} genes, dataset of 2024-01-08" in page.read_text()


@needs("busco")
def test_the_reference_proteins_of_yeast_are_complete(data_dir: Path, tmp_path: Path) -> None:
    """The lineage's profiles were made with these proteins among others: all of its 248 groups are there."""
    yeast = data_dir / "eukaryotes" / "Saccharomyces.cerevisiae"
    for name in ("genome.fa", "annotation.gtf"):
        subprocess.run(f"gzip -dc {yeast / name}.gz > {tmp_path / name}", shell=True, check=True)
    from genescribe.genome.annotation.gff3 import read_genes

    write_products(
        read_genes(tmp_path / "annotation.gtf"),
        Genome.open(tmp_path / "genome.fa"),
        GeneticCode.from_table(1),
        tmp_path,
    )
    found = run_busco(tmp_path / LONGEST_PROTEINS, str(data_dir / "busco" / "cegma248_odb10"), "proteins", 2)
    assert (found["complete"], found["total"]) == (248, 248)


@needs(AGAT)
def test_agat_by_its_rule(repository: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "agat.yaml").write_text(yaml.safe_dump({"genomes": {"tiny": {"sorter": "agat"}}}))
    target = "results/tiny/sort/tiny/annotation.sorted.gff3"
    snakemake(
        repository,
        tmp_path,
        target,
        "--configfile",
        str(repository / "tests" / "tiny.yaml"),
        str(tmp_path / "agat.yaml"),
    )
    assert (tmp_path / target).stat().st_size > 0
    assert "agat 1." in (tmp_path / "results/tiny/logs/sort/tiny.log").read_text()


@needs("gt", "gffread")
def test_what_the_rules_write_is_valid(repository: Path, folder: Path, options: list[str]) -> None:
    target = "results/tiny/baseline/ceiling/tiny/whole"
    snakemake(repository, folder, target, *options)
    path = folder / target / "annotation.gff3"
    for tool in (["gt", "gff3validator", str(path)], ["gffread", "-E", str(path)]):
        done = subprocess.run(tool, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "warning" not in done.stderr.lower(), done.stderr
