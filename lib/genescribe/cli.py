"""Shared parts of all commands: parser, one-line errors, exit statuses, logging, and types of options."""

from __future__ import annotations

import argparse
import difflib
import gc
import inspect
import io
import json
import logging
import math
import os
import select
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any, NoReturn, Protocol, TypeVar

from genescribe.errors import InputError
from genescribe.files import FULL
from genescribe.paths import (
    InputPath,
    InputText,
    OutputFile,
    OutputFolder,
    PathType,
    RunFolder,
    SharedFolder,
    Source,
    Target,
    paths_in,
    refuse_overwriting,
)
from genescribe.signals import end_on_signals, ending
from genescribe.system import open_standard_streams

EXIT_INPUT = 2
_KILLED = (
    "a worker process was killed, probably by the system for want of memory; run again with fewer workers or smaller"
    " chunks or batches, or with more memory"
)
LARGEST = 2**63 - 1
"""Whole numbers beyond are refused: what they go to counts in 64 bits."""
NEW_OBJECTS = 100_000
"""After so many new objects Python looks for dead ones that refer to each other, and not after 700: libraries make
hundreds of thousands at import that stay, and a fifth of a short run went to looking at them again and again."""
SYNONYMS = {"--genome": "--fasta"}
"""Names that other programs give an option -> its name here."""
T = TypeVar("T")
Number = TypeVar("Number", int, float)


def run(main: Callable[[], None]) -> None:
    """Run a command's `main`; an `InputError`, a refused file or a killed worker becomes one line, exit status 2.

    SIGTERM and Ctrl-C end it as an exception would: see `genescribe.signals`.
    """
    open_standard_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("torch").setLevel(logging.WARNING)
    # Its warnings are of its own settings: no folder for them in the home, no bold face of a font.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # Names of files need not be UTF-8.
    end_on_signals()
    gc.set_threshold(NEW_OBJECTS)
    try:
        _run_or_end(main)
    except RuntimeError as error:
        # PyTorch tells what became of a process that reads data by the text of its error alone.
        if isinstance(error, BrokenExecutor) or str(error).startswith("DataLoader worker"):
            _fail(_KILLED)
        if not str(error).startswith(f"Caught {InputError.__name__} in DataLoader worker"):
            raise
        _fail(str(error).rpartition(f"{InputError.__name__}: ")[2])
    except InputError as error:
        _fail(str(error))
    except UnicodeDecodeError as error:
        _fail(f"an input is not UTF-8 text (byte {error.start}: {error.reason}); look at the files that were given")
    except BrokenPipeError:
        # Not every pipe is standard output: a worker that is killed as it starts breaks the one that it reads its task
        # from.
        if not _nobody_reads():
            _fail(_KILLED)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno in FULL and error.filename is None:
            _fail("no space left on the device of an output or of temporary files (TMPDIR); free some and run again")
        # Errors of the system are reported as errors of the input only if they name its path.
        if not isinstance(error.filename, str | bytes | os.PathLike) or error.strerror is None:
            raise
        _fail(f"{os.fsdecode(error.filename)}: {error.strerror}; {_remedy(error)}")
    finally:
        # At exit Python would look for dead objects twice: once, for objects of libraries that say so, is enough.
        gc.disable()


def _run_or_end(main: Callable[[], None]) -> None:
    try:
        main()
    except Exception:
        if (status := ending()) is None:
            raise
        sys.exit(status)


def _nobody_reads() -> bool:
    """Return whether standard output is a pipe that has no reader any more."""
    watch = select.poll()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        watch.register(stream.fileno(), 0)  # Nothing is asked for: errors and hang-ups are told all the same.
    return bool(watch.poll(0))


def _remedy(error: OSError) -> str:
    """Return the remedy for an error of the system, by its kind."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "correct the path"
    if isinstance(error, IsADirectoryError):
        return "give a file, not a folder"
    if isinstance(error, FileExistsError):
        return "give a folder, or another path"
    if isinstance(error, PermissionError):
        return "ask for the permission, or give another path"
    return "check the path, its permissions and the free space"


def _fail(message: str) -> NoReturn:
    print(f"genescribe: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(EXIT_INPUT)


class _Formatter(argparse.HelpFormatter):
    """Help that shows the defaults which say something, and keeps the paragraphs and examples of a description."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = inspect.cleandoc(text).split("\n\n")
        # Indented lines are examples: they stay as they are.
        filled = (p if p.startswith(" ") else super(_Formatter, self)._fill_text(p, width, indent) for p in paragraphs)
        return "\n\n".join(filled)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        value: Any = action.default
        if value is True:
            return f"{text} (default: yes)"
        shown = not (value is None or value is False or value is argparse.SUPPRESS or value in ([], ""))
        if not shown or "%(default)" in text or not (action.option_strings or action.nargs in ("?", "*")):
            return text
        if isinstance(value, list | tuple):
            return f"{text} (default: {','.join(map(str, value))})"
        return f"{text} (default: %(default)s)"

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        """Return the placeholder of an option's value: its kind where that says more than the option's own name."""
        for kind, metavar in _METAVARS.items():
            if type(action.type) is kind:
                return metavar
        if action.type in (int, float) or action.type in _NUMBERS:
            return "N"
        return action.dest.upper().strip("-")


_METAVARS: dict[type[PathType], str] = {
    InputPath: "PATH",
    OutputFile: "FILE",
    OutputFolder: "FOLDER",
    RunFolder: "FOLDER",
    SharedFolder: "FOLDER",
}
_NUMBERS: set[object] = set()
"""Types of options that are numbers, of `integer` and `number`."""


class Parser(argparse.ArgumentParser):
    """A parser that refuses contradictory arguments before a command opens any file.

    It refuses to overwrite an input (`genescribe.paths`), and options that do nothing beside the others (`only`).
    Underscores may stand for the hyphens of an option's name, and hyphens for underscores; see also `SYNONYMS`.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        keywords.setdefault("formatter_class", _Formatter)
        keywords.setdefault("allow_abbrev", False)
        super().__init__(*args, **keywords)
        self._conditions: list[tuple[tuple[str, ...], Callable[[argparse.Namespace], bool], str]] = []

    def only(self, names: Iterable[str], when: Callable[[argparse.Namespace], bool], needs: str) -> None:
        """Refuse options that were given where they do nothing.

        Parameters
        ----------
        names
            Destinations of the options.
        when
            Whether they do something beside the others.
        needs
            The option that they need, for the message, such as ``--search beam``.
        """
        self._conditions.append((tuple(names), when, needs))

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Return the options.

        Raises
        ------
        InputError
            An input would be overwritten, or an option does nothing.
        """
        words = list(sys.argv[1:] if args is None else args)
        values = super().parse_args(words, namespace)
        refuse_overwriting(*self.paths(values))
        self._refuse_idle(values, self._given(words))
        return values

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the options and the remaining words; see `argparse`."""
        return super().parse_known_args(list(self._spelled(sys.argv[1:] if args is None else args)), namespace)

    def error(self, message: str) -> NoReturn:
        """End with one line; for an option that is misspelt, with the one that is near."""
        unknown = [word for word in message.split() if word.startswith("--")] if "unrecognized" in message else []
        names = [name for _, action in self.actions() for name in action.option_strings]
        near = [name for word in unknown for name in difflib.get_close_matches(word.partition("=")[0], names, 1)]
        _fail(f"{message}; {f'did you mean {near[0]}?' if near else f'see {self.prog} --help'}")

    def actions(self, values: argparse.Namespace | None = None) -> Iterator[tuple[Parser, argparse.Action]]:
        """Yield each option with its parser, those of the chosen command included (of all, where none is chosen)."""
        for action in self._actions:
            yield self, action
            if isinstance(action, argparse._SubParsersAction):
                for name, command in action.choices.items():
                    if values is None or getattr(values, action.dest, None) == name:
                        yield from command.actions(values)

    def paths(self, values: argparse.Namespace) -> tuple[list[Source], list[Target]]:
        """Return the paths that the command reads and writes."""
        sources: list[Source] = []
        targets: list[Target] = []
        for _, action in self.actions(values):
            if not isinstance(action.type, PathType):
                continue
            value = getattr(values, action.dest, None)
            for item in value if isinstance(value, list) else [value]:
                if item is not None:
                    sources += action.type.sources(item)
                    targets += action.type.targets(item)
        return sources, targets

    def _spelled(self, words: Iterable[str]) -> Iterator[str]:
        known = self._option_string_actions
        literal = False
        for word in words:
            literal |= word == "--"
            name, equals, value = word.partition("=")
            if not literal and name.startswith("--") and name not in known:
                spellings = (
                    SYNONYMS.get(name, name),
                    "--" + name[2:].replace("_", "-"),
                    "--" + name[2:].replace("-", "_"),
                )
                name = next((spelling for spelling in spellings if spelling in known), name)
            yield name + equals + value

    def _given(self, words: Sequence[str]) -> set[str]:
        """Return the destinations that the command line sets: those of a parse without defaults."""
        defaults = [(action, action.default) for _, action in self.actions()]
        for action, _ in defaults:
            action.default = argparse.SUPPRESS
        try:
            return set(vars(super().parse_args(words)))
        finally:
            for action, default in defaults:
                action.default = default

    def _refuse_idle(self, values: argparse.Namespace, given: set[str]) -> None:
        names = {action.dest: action for _, action in self.actions(values)}
        for parser in dict.fromkeys(parser for parser, _ in self.actions(values)):
            for dests, when, needs in parser._conditions:
                for dest in dests:
                    if dest in given and not when(values):
                        action = names[dest]
                        shown = max(action.option_strings, key=len) if action.option_strings else dest
                        raise InputError("does nothing here", where=shown, remedy=f"it needs {needs}; leave it out")


def parser(description: str | None) -> Parser:
    """Return a parser that shows the script's own docstring."""
    return Parser(description=description)


class Command(Protocol):
    """A module of `genescribe.commands`; its docstring is the help."""

    __doc__: str | None

    def add_arguments(self, parser: Parser) -> None:
        """Add its options to a parser."""

    def main(self, args: argparse.Namespace) -> None:
        """Run it."""


def program(command: Command) -> Callable[[], None]:
    """Return the main function of a script that runs a command alone."""

    def main() -> None:
        arguments = parser(command.__doc__)
        command.add_arguments(arguments)
        command.main(arguments.parse_args())

    return main


def integer(minimum: int = -LARGEST, maximum: int = LARGEST) -> Callable[[str], int]:
    """Return the type of an option that is a whole number within bounds, both inclusive."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        return _within(value, minimum, maximum)

    _NUMBERS.add(read)
    return read


def number(minimum: float | None = None, maximum: float | None = None) -> Callable[[str], float]:
    """Return the type of an option that is a finite number within bounds, both inclusive."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not finite")
        return _within(value, minimum, maximum)

    _NUMBERS.add(read)
    return read


def _within(value: Number, minimum: Number | None, maximum: Number | None) -> Number:
    if minimum is not None and value < minimum:
        raise argparse.ArgumentTypeError(f"{value} is less than {minimum}")
    if maximum is not None and value > maximum:
        raise argparse.ArgumentTypeError(f"{value} is more than {maximum}")
    return value


def comma_list(text: str) -> list[str]:
    """Split `a,b,c` into its parts, ignoring empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def list_of(read: Callable[[str], T]) -> Callable[[str], list[T]]:
    """Return the type of an option that is a list with commas, of at least one value."""

    def read_all(text: str) -> list[T]:
        parts = comma_list(text)
        if not parts:
            raise argparse.ArgumentTypeError("an empty list")
        return [read(part) for part in parts]

    return read_all


class JsonText(InputText):
    """A JSON object as text; the paths in it are read."""

    def sources(self, value: Any) -> list[Source]:
        """Return the words in it that look like paths."""
        try:
            return paths_in(json.loads(value))
        except (ValueError, RecursionError):
            return []  # Reading the options reports it.


def json_options(text: str, *, where: str = "--options") -> dict[str, Any]:
    """Return a JSON object that stands on the command line.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        options = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON ({error})", where=where, remedy="give a JSON object") from None
    if not isinstance(options, dict):
        raise InputError("not a JSON object", where=where, remedy='give for example {"seed": 1}')
    return options
