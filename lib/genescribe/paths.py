"""Types of options for inputs and outputs, and the check that a command overwrites none of its inputs.

An option's type says what becomes of its path: `InputPath`, `InputText`, `OutputFile`, `OutputFolder`, `RunFolder`,
`SharedFolder`. `genescribe.cli.Parser` collects them and calls `refuse_overwriting` before a command opens anything.
"""

from __future__ import annotations

import argparse
import errno
import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genescribe.errors import InputError
from genescribe.system import is_stream, with_home

COMPRESSED = (".gz", ".bgz")
"""Ends of the names of compressed files."""
ENDS = {
    "GFF3": (".gff3", ".gff"),
    "GTF": (".gtf",),
    "BED": (".bed",),
    "FASTA": (".fa", ".fasta", ".fna", ".faa"),
    "FASTQ": (".fq", ".fastq"),
    "BAM": (".bam",),
    "JSON": (".json",),
    "TSV": (".tsv",),
    "CSV": (".csv",),
    "HTML": (".html", ".htm"),
    "DuckDB": (".duckdb", ".db"),
    "GenBank": (".gb", ".gbk", ".gbff"),
    "EMBL": (".embl",),
    "zip": (".zip",),
    "bzip2": (".bz2",),
    "xz": (".xz",),
    "zstd": (".zst",),
}
"""Form of a file -> ends of names that stand for it. A file is not written under a name that says it is another."""


@dataclass(frozen=True)
class Target:
    """A path that a command writes.

    Attributes
    ----------
    path
        As the user wrote it.
    folder
        It is a folder.
    replaced
        Of a folder: existing content is removed.
    beside
        Further names: of a file or a folder that is replaced, beside it, with {name} and {stem}; of another folder,
        those inside it that are replaced.
    converted
        It may be another form of what is read: the same file compressed, or unpacked.
    """

    path: Path
    folder: bool = False
    replaced: bool = False
    beside: tuple[str, ...] = ()
    converted: bool = False

    def written(self) -> list[Path]:
        """Return every path that is written."""
        if self.folder and not self.replaced:
            return [self.path / name for name in self.beside]
        name, stem = self.path.name, stem_of(self.path)
        beside = (pattern.replace("{name}", name).replace("{stem}", stem) for pattern in self.beside)
        return [self.path, *map(self.path.with_name, beside)]


@dataclass(frozen=True)
class Source:
    """A path that a command reads; a file with its index, a folder with all that lies in it.

    Attributes
    ----------
    path
        As the user wrote it.
    within
        Of a folder that the command also writes into: patterns, relative to it, of what is read.
    """

    path: Path
    within: tuple[str, ...] | None = None


def stem_of(path: Path) -> str:
    """Return the name of a file without its end, and without that of its compression.

    Examples
    --------
    >>> stem_of(Path("a/b.1.gff3.gz")), stem_of(Path("b.gff3"))
    ('b.1', 'b')
    """
    return Path(path.stem).stem if is_compressed(path) else path.stem


def is_compressed(path: Path) -> bool:
    """Return whether the name of a file ends as that of a compressed one."""
    return path.suffix.lower() in COMPRESSED


def form_of(path: Path) -> str | None:
    """Return the form that the end of a file's name stands for, whether compressed or not; None where it says none.

    Examples
    --------
    >>> form_of(Path("a.gtf.gz")), form_of(Path("a.GFF")), form_of(Path("a.out"))
    ('GTF', 'GFF3', None)
    """
    end = (Path(path.stem) if is_compressed(path) else path).suffix.lower()
    return next((form for form, ends in ENDS.items() if end in ends), None)


def as_path(text: str) -> Path:
    """Return a path; an empty text, which would be the current folder, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    return with_home(text)


class PathType:
    """Type of an option that names a file or folder to read or write."""

    def __call__(self, text: str) -> Any:
        """Return the value of the option."""
        return as_path(text)

    def sources(self, value: Any) -> list[Source]:
        """Return the inputs."""
        return []

    def targets(self, value: Any) -> list[Target]:
        """Return the outputs."""
        return []


class InputPath(PathType):
    """A file or folder that is read."""

    def sources(self, value: Any) -> list[Source]:
        """Return the path."""
        return [Source(Path(value))]


@dataclass(frozen=True)
class InputText(PathType):
    """A text that names a path: `read` returns it, or None where the text names none."""

    read: Callable[[str], str | Path | None] = str

    def __call__(self, text: str) -> str:
        """Return the text."""
        return text

    def sources(self, value: Any) -> list[Source]:
        """Return the path in the text."""
        path = self.read(value)
        return [Source(Path(path))] if path else []


class NameList(PathType):
    """Names or regions with commas between, each of them a name or the @FILE of such names."""

    def __call__(self, text: str) -> list[str]:
        """Return the names; a region may have its thousands separated by commas, as genome browsers show them."""
        names = [part.strip() for part in _NAME.findall(text) if part.strip()]
        if not names:
            raise argparse.ArgumentTypeError("an empty list")
        return names

    def sources(self, value: Any) -> list[Source]:
        """Return the files of names."""
        return [Source(Path(value[1:]))] if isinstance(value, str) and value[:1] == "@" and value[1:] else []


def as_target(text: str) -> Path:
    """Return a path that is written; that of the standard output is refused, since results are files."""
    if text == "-":
        raise argparse.ArgumentTypeError("- is no name of a file; give one: nothing is written to the standard output")
    return as_path(text)


_NUMBER = r"\d{1,3}(?:,\d{3})*"
_NAME = re.compile(rf"[^,]+:{_NUMBER}-{_NUMBER}(?=,|$)|[^,]+")


class OutputFile(PathType):
    """A file that is written; `beside` names files written beside it, with {name} and {stem}.

    `forms`: of `ENDS`, what it can be; () if its name may be any. `compressed`: it is, where its name says so.
    `converted`: it may be what is read, compressed or unpacked.
    """

    def __init__(
        self, *beside: str, forms: tuple[str, ...] = (), compressed: bool = False, converted: bool = False
    ) -> None:
        self.beside, self.forms, self.compressed, self.converted = beside, forms, compressed, converted

    def __call__(self, text: str) -> Path:
        """Return the path; a name that says what the file will not be is refused."""
        path = as_target(text)
        if text.endswith(os.sep):
            raise argparse.ArgumentTypeError(f"{text} is a folder; give the name of a file")
        if is_compressed(path) and not self.compressed:
            raise argparse.ArgumentTypeError(f"{text}: the file is written uncompressed; leave out {path.suffix}")
        form = form_of(path)
        if self.forms and form is not None and form not in self.forms:
            written, ends = " or ".join(self.forms), " or ".join(ENDS[form][0] for form in self.forms)
            raise argparse.ArgumentTypeError(f"{text}: {written} is written, not {form}; let the name end in {ends}")
        return path

    def targets(self, value: Any) -> list[Target]:
        """Return the file."""
        return [Target(Path(value), beside=self.beside, converted=self.converted)]


class OutputFolder(PathType):
    """A folder that is written in one step, replacing an existing one; `beside`: as of `OutputFile`."""

    def __init__(self, *beside: str) -> None:
        self.beside = beside

    def __call__(self, text: str) -> Path:
        """Return the path."""
        return as_target(text)

    def targets(self, value: Any) -> list[Target]:
        """Return the folder."""
        return [Target(Path(value), folder=True, replaced=True, beside=self.beside)]


class RunFolder(PathType):
    """A folder to which the command adds, or in which it resumes; `names`: files that it writes there."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, text: str) -> Path:
        """Return the path."""
        return as_target(text)

    def targets(self, value: Any) -> list[Target]:
        """Return the folder."""
        return [Target(Path(value), folder=True, beside=self.names)]


class SharedFolder(PathType):
    """A folder that is read and, elsewhere in it, written; patterns of the files that are read."""

    def __init__(self, *patterns: str) -> None:
        self.patterns = patterns

    def sources(self, value: Any) -> list[Source]:
        """Return the folder."""
        return [Source(Path(value), self.patterns)]


def paths_in(options: object) -> list[Source]:
    """Return values of a configuration that look like paths: texts with a slash, @FILE, and names of files."""
    return [Source(Path(text.removeprefix("@"))) for text in _texts(options) if _is_path(text)]


def _is_path(text: str) -> bool:
    if not text or "\n" in text or "\0" in text or len(text) > 4096:
        return False
    try:
        return os.sep in text or Path(text.removeprefix("@")).is_file()
    except OSError:
        return False


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def refuse_overwriting(sources: Sequence[Source], targets: Sequence[Target]) -> None:
    """Refuse a command that would overwrite its input, or write two outputs to one path. Opens nothing.

    Raises
    ------
    InputError
        A target is a source (also through links, or as its index or its compressed or plain form), lies in a folder
        that is read, or replaces a folder that holds one; two targets are one; a target cannot be written because a
        folder stands in the place of a file, a file in that of a folder, or its name is too long; a source or target is
        a pipe or a device.
    """
    for source in sources:
        if is_stream(source.path):
            problem = "is a pipe or a device, and inputs are read more than once"
            raise _refused(source.path, problem, "write it to a file first")
    for target in targets:
        _check_kind(target)
        for path in target.written():
            _check_name(path)
            for source in sources:
                _check_apart(path, source, converted=target.converted)
    for i, target in enumerate(targets):
        for earlier in targets[:i]:
            for a, b in ((target, earlier), (earlier, target)):
                if _same(a.path, b.path) or (a.replaced and _inside(b.path, a.path)):
                    raise _refused(a.path, f"two outputs are written there ({b.path})", "give each its own path")


def _check_kind(target: Target) -> None:
    path = target.path
    if target.folder and path.exists() and not path.is_dir():
        raise _refused(path, "a file stands where a folder is to be written", "give another path")
    if not target.folder and path.is_dir():
        raise _refused(path, "a folder stands where a file is to be written", "give the path of a file")
    for parent in path.absolute().parents:
        if os.path.lexists(parent):
            if not parent.is_dir():
                raise _refused(path, f"{parent} is a file, not a folder", "give another path")
            break
    if target.replaced and _inside(Path.cwd(), path):
        raise _refused(path, "would replace the current folder", "give a folder of its own")


def _check_name(path: Path) -> None:
    if is_stream(path):
        raise _refused(path, "is a pipe or a device, and would be replaced by a file", "give the path of a file")
    try:
        path.with_name(_TEMPORARY.format(path.name)).lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _refused(path, "the name is too long", "give a shorter one") from None


def _check_apart(path: Path, source: Source, *, converted: bool) -> None:
    read = source.path
    if source.within is not None:
        place = _relative(path, read)
        if place == "." or _inside(read, path):
            raise _refused(path, f"would replace {read}, which is read", "give another path")
        if place is not None and any(fnmatch.fnmatchcase(place, pattern) for pattern in source.within):
            raise _refused(path, "would overwrite an input", "give another path")
        return
    if _same(path, read):
        raise _refused(path, f"is read{'' if path == read else f' (as {read})'} and would be overwritten", _ELSEWHERE)
    if _inside(read, path):
        raise _refused(path, f"would be replaced, and with it {read}, which is read", _ELSEWHERE)
    if read.is_dir() and _inside(path, read):
        raise _refused(path, f"lies in {read}, which is read", _ELSEWHERE)
    if _same(path, read.with_name(f"{read.name}.fai")):
        raise _refused(path, f"is the place of the index of {read}", _ELSEWHERE)
    if not converted and path.exists() and not path.is_dir() and _same(_plain(path), _plain(read)):
        raise _refused(path, f"is another form of {read}, which is read", "remove it first, or write elsewhere")


_ELSEWHERE = "name another output"
_TEMPORARY = ".{}.12345678.part"
"""Name that a file has while it is written: longer than its own."""


def _refused(path: Path, problem: str, remedy: str) -> InputError:
    return InputError(problem, where=path, remedy=remedy)


def _plain(path: Path) -> Path:
    return path.with_suffix("") if is_compressed(path) else path


def _same(a: Path, b: Path) -> bool:
    if os.path.realpath(a) == os.path.realpath(b):
        return True
    try:
        return a.samefile(b)
    except OSError:
        return False


def _relative(path: Path, folder: Path) -> str | None:
    """Return where a path lies in a folder; None: outside."""
    real, root = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    return real.relative_to(root).as_posix() if real.is_relative_to(root) else None


def _inside(path: Path, folder: Path) -> bool:
    return _relative(path, folder) is not None
