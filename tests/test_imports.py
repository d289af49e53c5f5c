"""No two modules import each other, not even inside functions: `lint-imports` only compares packages."""

from __future__ import annotations

import graphlib
from pathlib import Path

import pytest

grimp = pytest.importorskip("grimp", reason="comes with import-linter, for developers")


def circle(package: str) -> list[str]:
    """Return modules of a package that import each other in turn, the first one again at the end; none: no such."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        modules: list[str] = error.args[1]
        return modules
    return []


def test_no_modules_import_each_other() -> None:
    assert circle("genescribe") == []


def test_an_import_inside_a_function_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "circular_example"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "a.py").write_text("from circular_example.b import g\n")
    (folder / "b.py").write_text("def g():\n    from circular_example import a\n    return a\n")
    assert set(circle("circular_example")) == {"circular_example.a", "circular_example.b"}
    (folder / "b.py").write_text("def g():\n    return 1\n")
    assert circle("circular_example") == []
