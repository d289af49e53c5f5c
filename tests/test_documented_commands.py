"""Commands, options, files and modules that the README and the documentation name exist; they name every model."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from genescribe.commands import console

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
COMMAND = re.compile(r"^\s*(?:python )?(genescribe|scripts/\w+\.py)\s+(.*)$")
FILE = re.compile(r"`((?:[a-z_]+/)+[\w.]+\.(?:py|md|yaml|smk|sh|json))`")
OF_OTHERS = {"codon.md", "coming_from_genet5.md", "coming_from_transgenic.md"}
"""Pages that name files of other programs as well."""
OPTION = re.compile(r"(?<![\w-])--[a-zA-Z][\w-]*")


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the program of each command line of a page (with its subcommand), and its options."""
    fenced = False
    for line in page.read_text(encoding="utf-8").replace("\\\n", " ").split("\n"):
        fenced ^= line.startswith("```")
        match = COMMAND.match(line) if fenced or line.startswith("    ") else None
        if not match:
            continue
        program, rest = match.groups()
        rest = re.split(r"\s#|`| -- | && ", rest)[0]
        words = re.sub(r"'[^']*'", "", rest).split()
        if program == "genescribe":
            if not words or words[0].startswith("-"):
                continue
            program = f"genescribe {words[0]}"
        yield program, OPTION.findall(" ".join(words))


@cache
def help_of(program: str) -> str:
    """Return what a program prints with `--help`, those of its subcommands included."""
    if program.startswith("genescribe "):
        return console.parser_of(program.removeprefix("genescribe ")).format_help()
    texts = []
    subcommands = ("preprocess", "train", "compare") if program.endswith("gencode.py") else ("",)
    for subcommand in subcommands:
        out, kept = io.StringIO(), sys.argv
        sys.argv = [program, *filter(None, [subcommand]), "--help"]
        try:
            with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
                runpy.run_path(str(REPOSITORY / program), run_name="__main__")
        finally:
            sys.argv = kept
        texts.append(out.getvalue())
    return "\n".join(texts)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_know_their_options(page: Path) -> None:
    for program, options in commands(page):
        if program == "genescribe run":  # The options are Snakemake's.
            continue
        known = {option.replace("_", "-") for option in OPTION.findall(help_of(program))}
        unknown = {option for option in options if option.replace("_", "-") not in known}
        assert not unknown, f"{page.name}: {program}"


def test_commands_are_found() -> None:
    found = {program for page in PAGES for program, _ in commands(page)}
    assert {"genescribe annotate", "genescribe evaluate", "scripts/ceiling.py"} <= found


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in OF_OTHERS], ids=lambda page: page.name)
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    """Relative to the repository or, as the pages on the code have it, to the library."""
    named = FILE.findall(page.read_text(encoding="utf-8"))
    folders = (REPOSITORY, REPOSITORY / "lib" / "genescribe")
    produced = ("results/", "model/")
    assert not {
        name
        for name in named
        if not name.startswith(produced) and name == name.lower() and not any((f / name).exists() for f in folders)
    }


def test_modules_of_the_architecture_exist_and_hold_what_it_says() -> None:
    table = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in table.split("\n") if line.startswith("| `")]
    interfaces = [row for row in rows if len(row) == 3 and re.fullmatch(r"(`[a-z][\w.]+`(, )?)+", row[1])]
    assert len(interfaces) > 30
    for names, modules, _ in interfaces:
        paths = [
            REPOSITORY / "lib/genescribe" / name.replace(".", "/") for name in re.findall(r"`([a-z][\w.]+)`", modules)
        ]
        files = [
            file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")])
        ]
        text = "".join(file.read_text(encoding="utf-8") for file in files)
        assert not {name for name in re.findall(r"`(\w+)", names) if not re.search(rf"\b{name}\b", text)}, modules


def test_every_shipped_model_is_in_the_overviews() -> None:
    for card in REPOSITORY.glob("models/*/README.md"):
        link = f"models/{card.parent.name}/README.md"
        assert f"(../{link})" in (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8"), link
        assert f"({link})" in (REPOSITORY / "README.md").read_text(encoding="utf-8"), link
