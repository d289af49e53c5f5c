"""A digest of the library code that a script's result depends on; it changes when that code does.

Snakemake watches a rule's own text, not the modules its script imports. The digest of a script and of every
project module that it reaches goes into the rule's `params`, so that editing a module reruns the rules that use it,
and only those.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

PACKAGE = "genescribe"
LIBRARY = Path(__file__).resolve().parents[2]
_IMPORT = re.compile(r"^[ \t]*import[ \t]+(.+)$", re.MULTILINE)
_FROM = re.compile(rf"^[ \t]*from[ \t]+({PACKAGE}[\w.]*)[ \t]+import[ \t]+(\([^()]*\)|.+)", re.MULTILINE)
_QUOTED = re.compile(rf"""(["'])({PACKAGE}\.[\w.]+)\1""")
_WORD, _COMMENT = re.compile(r"[\w.]+"), re.compile("#.*")
_DATA_SUFFIXES = {".json", ".html", ".css", ".cpp", ".h", ".yaml", ".j2"}


@cache
def code_digest(script: Path) -> str:
    """Return a short digest of a script and of all the project's modules it imports, directly or not.

    Data files beside a module (templates, parameter tables, native sources) count as part of it.
    """
    reached: set[Path] = set()
    waiting = [script.resolve()]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting.extend(_imports(path))
    folders = {path.parent for path in reached if path.is_relative_to(LIBRARY)}
    data = {file for folder in folders for file in folder.rglob("*") if file.suffix in _DATA_SUFFIXES}
    digest = hashlib.sha256()
    for path in sorted(reached | data):
        name = path.relative_to(LIBRARY) if path.is_relative_to(LIBRARY) else Path(path.name)
        digest.update(f"{name.as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _imports(path: Path) -> list[Path]:
    return [file for name in _names(path.read_text(encoding="utf-8")) for file in _files(name)]


@cache
def _names(source: str) -> tuple[str, ...]:
    """Return the modules that a source imports or names; most scripts reach the same ones."""
    # By pattern: parsing hundreds of modules would take most of the time in which the Snakefile is read, by every job.
    names = [name for line in _IMPORT.findall(source) for name in _WORD.findall(line)]
    for module, imported in _FROM.findall(source):
        names += [module, *(f"{module}.{name}" for name in _WORD.findall(_COMMENT.sub("", imported)))]
    # Registries name modules that are imported only when they are used.
    return (*names, *(name for _, name in _QUOTED.findall(source)))


@cache
def _files(name: str) -> tuple[Path, ...]:
    """Return the files that importing `name` runs: its own and the `__init__` of each package above it."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return ()
    files = []
    for depth in range(1, len(parts) + 1):
        base = LIBRARY.joinpath(*parts[:depth])
        for candidate in (base / "__init__.py", base.with_suffix(".py")):
            if candidate.is_file():
                files.append(candidate)
    return tuple(files)
