"""The digest of a script follows the modules that it uses, and only those."""

from __future__ import annotations

import ast
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


def test_every_import_of_the_library_is_seen() -> None:
    # Patterns read what a parser would, which takes much longer: every job reads the Snakefile.
    seen = 0
    for path in sorted((digest.LIBRARY / digest.PACKAGE).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        imported = {file for name in imports(source) for file in digest._files(name)}
        assert imported <= set(digest._imports(path)), path
        seen += len(imported)
    assert seen > 1000


def imports(source: str) -> list[str]:
    """Return the modules that a source imports, by Python's own parser."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


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
