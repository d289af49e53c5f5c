"""BUSCO's files read, its lineages told apart; the program itself runs in tests/tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.evaluate.tools.busco import lineage_folder, nothing_found, read_result, run_busco

TABLE = (
    "# BUSCO version is: 5.4.4 \n"
    "# Busco id\tStatus\tSequence\tScore\tLength\n"
    "1at2759\tComplete\tg1.t1\t99.1\t200\n"
    "2at2759\tDuplicated\tg2.t1\t80.0\t190\n"
    "2at2759\tDuplicated\tg3.t1\t79.0\t188\n"
    "3at2759\tFragmented\tg4.t1\t30.0\t60\n"
    "4at2759\tMissing\n"
    "5at2759\tMissing\n"
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return a folder as BUSCO leaves it."""
    run = tmp_path / "out" / "run_x_odb10"
    run.mkdir(parents=True)
    (run / "full_table.tsv").write_text(TABLE)
    summary = {
        "lineage_dataset": {"name": "x_odb10", "creation_date": "2024-01-08", "number_of_buscos": "5"},
        "versions": {"hmmsearch": 3.3, "busco": "5.4.4"},
        "results": {"Complete": 40.0},
    }
    (tmp_path / "out" / "short_summary.specific.x_odb10.out.json").write_text(json.dumps(summary))
    return tmp_path / "out"


def lineage(folder: Path) -> Path:
    folder.mkdir()
    (folder / "dataset.cfg").write_text("name=x_odb10\ncreation_date=2024-01-08\nnumber_of_BUSCOs=5\n")
    return folder


def test_counts_are_those_of_groups_not_of_proteins(written: Path) -> None:
    found = read_result(written)
    assert [found[key] for key in ("complete", "single", "duplicated", "fragmented", "missing", "total")] == [
        2, 1, 1, 1, 2, 5,
    ]  # fmt: skip
    assert found["versions"] == {"busco": "5.4.4", "hmmsearch": "3.3"}
    assert found["lineage"]["name"] == "x_odb10"


def test_what_it_does_not_know_is_said(written: Path) -> None:
    (written / "run_x_odb10" / "full_table.tsv").write_text(TABLE.replace("Fragmented", "Torn"))
    with pytest.raises(InputError, match=r"full_table.tsv:6: unknown status 'Torn'"):
        read_result(written)
    (written / "run_x_odb10" / "full_table.tsv").unlink()
    with pytest.raises(InputError, match="BUSCO left no summary"):
        read_result(written)


def test_a_lineage_is_a_folder_or_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lineage(tmp_path / "x_odb10")
    assert lineage_folder(str(folder)) == folder
    assert lineage_folder("fungi_odb10") is None
    with pytest.raises(InputError, match=r"/no/such: no BUSCO lineage"):
        lineage_folder("/no/such")
    monkeypatch.chdir(tmp_path)
    assert lineage_folder("x_odb10") == Path("x_odb10")


def test_without_proteins_everything_is_missing(tmp_path: Path) -> None:
    found = nothing_found(str(lineage(tmp_path / "x_odb10")), "proteins")
    assert (found["complete"], found["missing"], found["total"]) == (0, 5, 5)
    assert found["lineage"]["creation_date"] == "2024-01-08"
    assert nothing_found("fungi_odb10", "proteins")["total"] == 0


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (None, "busco is not on PATH; install it, or use --sdm conda"),
        ("echo '2026 ERROR:\tno markers here'; exit 1", "BUSCO failed: no markers here"),
        ("echo broken >&2; exit 1", "BUSCO failed: broken"),
        ("exit 0", "BUSCO left no summary"),
    ],
)
def test_a_failing_busco_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, message: str
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    if program is not None:
        (tools / "busco").write_text(f"#!/bin/sh\n{program}\n")
        (tools / "busco").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(InputError, match=message):
        run_busco(tmp_path / "p.faa", str(lineage(tmp_path / "x_odb10")), "proteins")


def test_without_a_network_no_lineage_is_tried_for_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genescribe.evaluate.tools.busco.SERVER", "http://127.0.0.1:9/")
    with pytest.raises(InputError, match=r"fungi_odb10: it is to be downloaded, and .* cannot be reached"):
        run_busco(tmp_path / "p.faa", "fungi_odb10", "proteins")
