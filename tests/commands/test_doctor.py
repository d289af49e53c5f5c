"""`genescribe doctor` shows what is there and what is not, and what each is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from genescribe.commands import console


def table(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    console.main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    column = lines[1].index("3.")
    return {line[:column].strip(): line[column:] for line in lines}


def test_programs_are_looked_up_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    before = table(capsys)
    for name in ("python", "torch", "compiler", "native code", "gpu", "triton", "agat", "augustus", "busco", "hmmer"):
        assert name in before
    for name in ("miniprot", "samtools", "gffread", "genometools", "conda", "compiler"):
        assert before[name].startswith("- "), name
    for program in ("miniprot", "mamba"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    after = table(capsys)
    assert after["miniprot"].startswith(str(tmp_path)) and after["conda"].startswith(str(tmp_path / "mamba"))
    assert after["samtools"].startswith("- ")
    assert all(line.split("  ")[-1].strip() for line in after.values())
