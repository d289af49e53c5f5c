"""The digest of a script follows the modules that it uses, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest

from genescribe.workflow import digest


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "genescribe"
    (package / "part").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "part" / "__init__.py").write_text("")
    (package / "part" / "used.py").write_text("import genescribe.deep\n")
    (package / "part" / "table.json").write_text("{}")
    (package / "deep.py").write_text("x = 1\n")
    (package / "named.py").write_text("y = 1\n")
    (package / "other.py").write_text("z = 1\n")
    (tmp_path / "script.py").write_text("from genescribe.part.used import x\nLATER = 'genescribe.named'\n")
    monkeypatch.setattr(digest, "LIBRARY", tmp_path)
    return tmp_path


def fresh(library: Path) -> str:
    digest.code_digest.cache_clear()
    digest._files.cache_clear()
    return digest.code_digest(library / "script.py")


@pytest.mark.parametrize(
    "file", ["script.py", "genescribe/deep.py", "genescribe/named.py", "genescribe/part/table.json"]
)
def test_an_edit_of_what_is_used_changes_the_digest(library: Path, file: str) -> None:
    before = fresh(library)
    path = library / file
    path.write_text(path.read_text() + "\n")
    assert fresh(library) != before


def test_an_edit_of_what_is_not_used_changes_nothing(library: Path) -> None:
    before = fresh(library)
    (library / "genescribe" / "other.py").write_text("z = 2\n")
    assert fresh(library) == before
