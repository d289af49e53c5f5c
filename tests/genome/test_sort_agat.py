"""AGAT as the sorter: a stand-in shows how it is called, the real one that both sorters agree."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from tests.genome.compare_annotations import canonical, difference

from genescribe.errors import InputError
from genescribe.genome.repair.agat import PROGRAM, agat_program, configuration
from genescribe.genome.repair.gff3_writer import repairs_path
from genescribe.genome.repair.sort import LOCUS_TAGS, sort_annotation

FIXTURES = Path(__file__).parent / "fixtures" / "sort"

STAND_IN = """#!{python}
import pathlib, sys
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("| AGAT - Version: v9.9.9 |")
here = pathlib.Path.cwd()
pathlib.Path({seen!r}).write_text("\\n".join(sorted(path.name for path in here.iterdir())))
pathlib.Path({config!r}).write_text((here / arguments["--config"]).read_text())
{action}
"""
COPY = 'pathlib.Path(arguments["--output"]).write_text(pathlib.Path(arguments["--gff"]).read_text())'


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a stand-in for AGAT that is alone on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, action: str) -> None:
    program = folder / PROGRAM
    seen, config = str(folder / "seen"), str(folder / "config")
    program.write_text(STAND_IN.format(python=sys.executable, seen=seen, config=config, action=action))
    program.chmod(0o755)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.gff"
    path.write_text("c1\ts\tgene\t1\t90\t.\t+\t.\tID=g\r\nc1\ts\tgene\t200\t290\t.\t+\t.\tID=h\r\n")
    return path


def test_runs_in_a_folder_of_its_own_with_an_explicit_configuration(
    stand_in: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(stand_in, COPY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agat_config.yaml").write_text("merge_loci: true\n")
    target = tmp_path / "out" / "sorted.gff3"
    report = sort_annotation(source, target, sorter="agat", locus_tag=["b", "a"])
    assert report.sorter == "agat 9.9.9" and (report.rows_in, report.rows_out) == (2, 2)
    assert (stand_in / "seen").read_text().split() == ["agat_config.yaml", "input.gff"]
    config = yaml.safe_load((stand_in / "config").read_text())
    assert config["merge_loci"] is False and config["locus_tag"] == ["a", "b"]
    assert "\r" not in target.read_text()
    assert {path.name for path in target.parent.iterdir()} == {
        "sorted.gff3", "sorted.gff3.agat.log", "sorted.gff3.repairs.tsv",
    }  # fmt: skip


def test_rows_that_agat_drops_are_listed(stand_in: Path, source: Path, tmp_path: Path) -> None:
    install(stand_in, COPY.replace(".read_text()", ".read_text().splitlines()[0]"))
    target = tmp_path / "sorted.gff3"
    report = sort_annotation(source, target, sorter="agat")
    assert [repair.line for repair in report.repairs] == [2]
    assert repairs_path(target).read_text().splitlines()[1].startswith("2\tgene left out")


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("print('no luck'); sys.exit(1)", r"AGAT failed \(no luck\)"),
        ("print('bye')", r"AGAT failed \(bye\)"),
        (COPY + "; print('late'); sys.exit(3)", r"AGAT failed \(late\)"),
        ("pathlib.Path(arguments['--output']).write_text('c1\\ts\\tgene\\t\\t\\n')", "AGAT wrote no annotation"),
    ],
)
def test_a_failing_agat_is_one_clear_line(action: str, what: str, stand_in: Path, source: Path, tmp_path: Path) -> None:
    install(stand_in, action)
    with pytest.raises(InputError, match=what) as caught:
        sort_annotation(source, tmp_path / "sorted.gff3", sorter="agat")
    assert "sorter: builtin" in caught.value.remedy
    assert not (tmp_path / "sorted.gff3").exists()


def test_bad_input_is_told_before_agat_runs(stand_in: Path, tmp_path: Path) -> None:
    install(stand_in, "raise SystemExit(5)")
    bad = tmp_path / "bad.gff"
    bad.write_text("nonsense\n")
    with pytest.raises(InputError, match=r"bad\.gff:1: "):
        sort_annotation(bad, tmp_path / "sorted.gff3", sorter="agat")


def test_without_agat(stand_in: Path, source: Path, tmp_path: Path) -> None:
    assert agat_program() is None
    with pytest.raises(InputError, match="not on PATH"):
        sort_annotation(source, tmp_path / "sorted.gff3", sorter="agat")
    whole = tmp_path / "whole.gff"
    whole.write_text("a\tx\tCDS\t1\t9\t.\t+\t0\tID=c\n")
    assert sort_annotation(whole, tmp_path / "sorted.gff3", sorter="auto").sorter == "builtin"


def test_auto_takes_agat_where_it_is(stand_in: Path, source: Path, tmp_path: Path) -> None:
    install(stand_in, COPY)
    assert sort_annotation(source, tmp_path / "sorted.gff3", sorter="auto").sorter == "agat 9.9.9"


def test_configuration_is_yaml_that_names_every_check() -> None:
    config = yaml.safe_load(configuration(True, LOCUS_TAGS))
    assert config["merge_loci"] is True and config["locus_tag"] == list(LOCUS_TAGS)
    assert sum(name.startswith("check_") for name in config) == 10


def test_environment_pins_the_version(repository: Path) -> None:
    environment = yaml.safe_load((repository / "envs" / "agat.yaml").read_text())
    assert "agat=1.7.0" in environment["dependencies"]


needs_agat = pytest.mark.skipif(agat_program() is None, reason="AGAT is not installed (conda: envs/agat.yaml)")


@needs_agat
@pytest.mark.parametrize("name", ["by_place.gff", "stop_codon.gtf", "scattered.gff"])
def test_both_sorters_agree(name: str, tmp_path: Path) -> None:
    for sorter in ("agat", "builtin"):
        sort_annotation(FIXTURES / name, tmp_path / sorter, sorter=sorter)
    ours, theirs = canonical(tmp_path / "builtin"), canonical(tmp_path / "agat")
    assert ours == theirs, difference(ours, theirs)


@needs_agat
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "Drosophila.melanogaster_2L_3Mb/annotation.gtf.gz",
        "Homo.sapiens_chr1_chunks/annotation.gtf.gz",
        "Populus.trichocarpa_Chr01_8Mb/annotation.gff3.gz",
        "Arabidopsis.thaliana_1pct/annotation.gff3.gz",
        "Trypanosoma.brucei_chr1/annotation.gff3.gz",
    ],
)
def test_both_sorters_agree_on_real_genomes(name: str, data_dir: Path, tmp_path: Path) -> None:
    for sorter in ("agat", "builtin"):
        sort_annotation(data_dir / "eukaryotes" / name, tmp_path / sorter, sorter=sorter)
    ours, theirs = canonical(tmp_path / "builtin"), canonical(tmp_path / "agat")
    assert ours == theirs, difference(ours, theirs)
