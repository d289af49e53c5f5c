"""The library of native code is found whatever Python it was built for, and its absence is told of once."""

from __future__ import annotations

import logging
import shutil
import subprocess
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
    (folder / f"_native.{suffix}").symlink_to(built)
    found = library()
    assert found is not None and found._name == str(folder / f"_native.{suffix}")
    assert native_library.instruction_sets()


ELSEWHERE = """
import ctypes, importlib.machinery, os, sys
path = sys.argv[1]
assert not any(path.endswith("_native" + suffix) for suffix in importlib.machinery.EXTENSION_SUFFIXES), "its own"
native = ctypes.CDLL(path)
native.genescribe_semicrf_version.restype = ctypes.c_int64
class Extent(ctypes.Structure):
    _fields_ = [(name, ctypes.c_double) for name in ("least", "most", "poison")]
scores, found = (ctypes.c_double * 4)(0.5, -float("inf"), -2.0, 7.0), Extent()
native.genescribe_extent(scores, ctypes.c_int64(4), ctypes.byref(found), b"")
print(native.genescribe_semicrf_version(), found.least, found.most, found.poison)
"""


def other_python() -> str | None:
    """Return a Python whose extension modules have other names than those of this one."""
    for name in ("pypy3", *(f"python3.{minor}" for minor in range(9, 20))):
        program = shutil.which(name)
        if program is None:
            continue
        ask = "import importlib.machinery as m, ctypes; print(m.EXTENSION_SUFFIXES[0])"
        told = subprocess.run([program, "-c", ask], capture_output=True, text=True, check=False)
        if told.returncode == 0 and told.stdout.strip() not in EXTENSION_SUFFIXES:
            return program
    return None


@pytest.mark.skipif(BUILT is None, reason="the native library was not built here")
def test_it_loads_and_computes_under_another_python() -> None:
    program = other_python()
    if program is None:
        pytest.skip("no second Python is installed, such as Debian's pypy3")
    assert BUILT is not None
    done = subprocess.run([program, "-c", ELSEWHERE, BUILT._name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(native_library.VERSION), "-2.0", "7.0", "0.0"]


def test_the_library_of_this_python_comes_first(folder: Path) -> None:
    names = ["_native.cpython-310-x.so", f"_native{EXTENSION_SUFFIXES[0]}", "_native.abi3.so", "_native.cpp"]
    for name in names:
        (folder / name).touch()
    found = [path.name for path in native_library.libraries(folder)]
    assert found[0] == names[1] and sorted(found) == sorted(names[:3])


def test_no_library_is_one_line_of_the_log(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "_native.cpython-399-other.so").write_text("of another system")
    with caplog.at_level(logging.WARNING):
        assert library() is None and library() is None
    assert [record.message for record in caplog.records] == [
        "no native code: results are the same, but slower; a C++ compiler and `make setup` build it"
    ]
