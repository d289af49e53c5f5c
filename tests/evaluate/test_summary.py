"""The table that ends a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.evaluate.summary import score_table
from genescribe.files import write_json


def test_rows_are_sorted_by_genome_and_gene_f1(tmp_path: Path) -> None:
    for method, value in (("poor", 0.25), ("good", 0.5)):
        metrics = {"cds": {level: {"f1": value} for level in ("base", "exon", "gene")}}
        write_json(tmp_path / "evaluate" / method / "g" / "metrics.json", metrics)
    lines = score_table(tmp_path).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["g", "good", "50.0", "50.0", "50.0"],
        ["g", "poor", "25.0", "25.0", "25.0"],
    ]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run the target evaluate first"):
        score_table(tmp_path)
