"""`genescribe run` is Snakemake with the workflow that comes with the program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from genescribe.commands import console, run
from genescribe.errors import InputError
from genescribe.shipped import shipped


def test_everything_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    called: dict[str, Any] = {}
    monkeypatch.setattr(
        os, "execve", lambda *given: called.update(zip(("program", "words", "env"), given, strict=True))
    )
    words = ["annotate", "--cores", "2", "--config", "genome=my.fa", "min_posterior=0.5", "--dry_run", "-n", "--", "x"]
    console.main(["run", *words])
    assert called["words"][1:3] == ["-m", "snakemake"]
    assert called["words"][3:] == ["--snakefile", str(shipped("Snakefile")), *words]
    assert called["env"]["PATH"].split(os.pathsep)[0] == str(Path(called["program"]).parent)


def test_without_snakemake_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'genescribe\[workflow\]'"):
        console.main(["run", "--cores", "1"])


def test_what_is_shipped_is_there() -> None:
    for name in ("Snakefile", "config.yaml", "rules/common.smk", "scripts/annotate.py", "envs/torch.yaml", "models"):
        assert shipped(name).exists(), name


def test_a_folder_with_braces_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run{2}").mkdir()
    monkeypatch.chdir(tmp_path / "run{2}")
    with pytest.raises(InputError, match=r"has braces in its path, .*wildcards in Snakemake; run in another folder"):
        console.main(["run", "--cores", "1"])


@pytest.mark.parametrize(
    "words", [["--configfile", "no.yaml"], ["--configfile=no.yaml"], ["--configfiles", "is.yaml", "no.yaml", "-n"]]
)
def test_a_configuration_that_is_not_there_is_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("is.yaml").touch()
    with pytest.raises(InputError, match=r"no\.yaml: no such file; correct --configfile"):
        console.main(["run", "--cores", "1", *words])
    started: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *given: started.append(given))
    console.main(["run", "--configfile", "is.yaml", "--cores", "1", "all"])
    assert started
