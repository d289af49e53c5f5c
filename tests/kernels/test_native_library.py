"""The library of native code is found whatever Python it was built for, and its absence is told of once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from genescribe.kernels import native_library
from genescribe.kernels.native_library import library

BUILT = library()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder in which the library is looked for."""
    monkeypatch.setattr(native_library, "__file__", str(tmp_path / "native_library.py"))
    library.cache_clear()
    yield tmp_path
    library.cache_clear()


@pytest.mark.skipif(BUILT is None, reason="the native library was not built here")
@pytest.mark.parametrize("suffix", ["cpython-399-x86_64-linux-gnu.so", "abi3.so", "so"])
def test_a_library_named_for_another_python_is_used(folder: Path, suffix: str) -> None:
    built = Path(BUILT._name) if BUILT is not None else Path()
    (folder / f"_semicrf.{suffix}").symlink_to(built)
    found = library()
    assert found is not None and found._name == str(folder / f"_semicrf.{suffix}")
    assert native_library.instruction_sets()


def test_the_library_of_this_python_comes_first(folder: Path) -> None:
    names = ["_semicrf.cpython-310-x.so", f"_semicrf{EXTENSION_SUFFIXES[0]}", "_semicrf.abi3.so", "_semicrf.cpp"]
    for name in names:
        (folder / name).touch()
    found = [path.name for path in native_library.libraries(folder)]
    assert found[0] == names[1] and sorted(found) == sorted(names[:3])


def test_no_library_is_one_line_of_the_log(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "_semicrf.cpython-399-other.so").write_text("of another system")
    with caplog.at_level(logging.WARNING):
        assert library() is None and library() is None
    assert [record.message for record in caplog.records] == [
        "no native code: results are the same, but slower; a C++ compiler and `make setup` build it"
    ]
