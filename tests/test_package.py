"""What an installed package holds: every module, the native sources' results aside, and the workflow and models."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

LEFT_OUT = {".git", ".venv", "build", "dist", "results", ".snakemake", "__pycache__"}


@pytest.fixture(scope="module")
def clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the package is made from."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("lib", "rules", "scripts", "envs", "profiles", "models"):
        ignored = shutil.ignore_patterns(*LEFT_OUT, "*.so", "*.egg-info")
        shutil.copytree(repository / name, folder / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "Snakefile", "config.yaml"):
        shutil.copy(repository / name, folder)
    return folder


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def setup(clone: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "-q", *words],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package as a wheel holds it, but for the native code."""
    folder = tmp_path_factory.mktemp("built")
    setup(clone, "build_py", "--build-lib", str(folder))
    return folder


def test_a_wheel_holds_modules_workflow_and_models(clone: Path, built: Path) -> None:
    found = files_in(built / "genescribe")
    data = {".py", ".json", ".html", ".css", ".yaml", ".typed"}
    modules = {name for name in files_in(clone / "lib" / "genescribe") if Path(name).suffix in data or "typed" in name}
    assert modules <= found
    shipped = {name.removeprefix("_shipped/") for name in found if name.startswith("_shipped/")}
    folders = ("rules", "scripts", "envs", "profiles", "models")
    assert shipped == {"Snakefile", "config.yaml"} | {f"{f}/{name}" for f in folders for name in files_in(clone / f)}


def test_an_installed_package_finds_its_models_and_its_workflow(built: Path, tmp_path: Path) -> None:
    code = (
        "from genescribe.models import available; from genescribe.shipped import shipped; from pathlib import Path\n"
        "print(*available().values(), shipped('Snakefile'), sep='\\n')"
    )
    environment = os.environ | {"PYTHONPATH": str(built)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert {"all_genomes", "yeast", "Snakefile"} <= {path.name for path in paths}
    assert all(path.exists() and path.is_relative_to(built / "genescribe") for path in paths)


@pytest.mark.workflow
def test_an_installed_workflow_runs_from_any_folder(built: Path, tmp_path: Path) -> None:
    (tmp_path / "my.fa").write_text(">a\nACGT\n")
    words = ["run", "annotate", "--dry-run", "--cores", "1", "--config", "genome=my.fa"]
    environment = os.environ | {"PYTHONPATH": str(built), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", "genescribe", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    assert f"{built}/genescribe/_shipped/models/auto" in shown and "batch_1" not in shown
    # Jobs in environments of their own find this library, and nothing that lies beside it.
    library = tmp_path / ".snakemake" / "library"
    assert [path.name for path in library.iterdir()] == ["genescribe"]
    assert (library / "genescribe").resolve() == built / "genescribe"


def test_sources_hold_what_a_wheel_is_built_from(clone: Path) -> None:
    setup(clone, "egg_info")
    listed = set((clone / "lib" / "genescribe.egg-info" / "SOURCES.txt").read_text().split("\n"))
    wanted = {name for name in files_in(clone) if ".egg-info" not in name}
    assert wanted - listed == set()


def test_the_console_script_is_there(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"]["genescribe"].partition(":")
    code = f"import {module} as module; assert callable(module.{name})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- sizes -----------------------------------------------------------------------------------------------------------
MODULES, LINES, FUNCTION = 15, 400, 60
LONG = {
    "kernels/semicrf/triton/sum.py:recurrence": "a Triton kernel: one program, its 34 arguments a line each",
    "kernels/semicrf/triton/viterbi.py:best_scores": "a Triton kernel: one program, its arguments a line each",
}
"""Functions that may be longer, and why."""
BY_NAME = {"commands"}
"""Folders that hold a module per command, found by name: as many as there are commands."""


def lengths_of_functions(file: Path) -> dict[str, int]:
    """Return the lines of each function of a file, its docstring aside."""
    found = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
            said = text.end_lineno - text.lineno + 1 if text and text.end_lineno else 0
            found[node.name] = max(found.get(node.name, 0), (node.end_lineno or 0) - node.lineno + 1 - said)
    return found


def test_folders_modules_and_functions_stay_small(repository: Path) -> None:
    library = repository / "lib" / "genescribe"
    files = [
        file
        for folder in (library, *map(repository.joinpath, ("scripts", "benchmarks")))
        for file in folder.rglob("*.py")
    ]
    assert len(files) > 300
    long = {}
    for file in files:
        name = file.relative_to(library if library in file.parents else repository).as_posix()
        assert file.read_text(encoding="utf-8").count("\n") <= LINES, f"{name}: split it along its seams"
        long |= {f"{name}:{f}": n for f, n in lengths_of_functions(file).items() if n > FUNCTION}
    assert long.keys() == LONG.keys(), "take parts out of the others, and names of short ones off the list"
    for file in (repository / "tests").rglob("*.py"):
        assert file.read_text(encoding="utf-8").count("\n") <= LINES, f"{file}: split it by what it tests"
    for folder in {file.parent for file in files if library in file.parents}:
        modules = [file for file in folder.glob("*.py") if file.stem != "__init__"]
        assert len(modules) <= MODULES or folder.name in BY_NAME, (
            f"{folder.name}: {len(modules)} modules; make a package of some"
        )


# -- names -----------------------------------------------------------------------------------------------------------
RIDDLES = {"found", "one", "whole", "together"}
"""Names that say nothing of what they hold: `genes`, `match`, `segment`, `row` do."""


def names_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of each variable, field, argument and function of a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                yield node.lineno, name


def test_names_say_what_they_hold(repository: Path) -> None:
    riddles, named = [], 0
    for file in (file for folder in ("lib/genescribe", "scripts") for file in (repository / folder).rglob("*.py")):
        for line, name in names_of(ast.parse(file.read_text(encoding="utf-8"))):
            named += 1
            if name.strip("_") in RIDDLES:
                riddles.append(f"{file}:{line}: {name}")
    assert named > 20_000
    assert not riddles, "name these for what they hold:\n" + "\n".join(riddles)


# -- docstrings ------------------------------------------------------------------------------------------------------
def public_functions(node: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """Yield the public functions of a module and the methods of its public classes; Triton's kernels are none."""
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public_functions(child)
        elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
            compiled = any("jit" in ast.unparse(decorator) for decorator in child.decorator_list)
            yield from () if compiled else (child,)


def test_public_functions_of_three_arguments_describe_them(repository: Path) -> None:
    library = repository / "lib" / "genescribe"
    lacking, described = [], 0
    for file in library.rglob("*.py"):
        for function in public_functions(ast.parse(file.read_text(encoding="utf-8"))):
            given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            names = [argument.arg for argument in given if argument.arg not in ("self", "cls")]
            docstring = ast.get_docstring(function) or ""
            if len(names) < 3 or re.search(r"see `[\w.]+`", docstring):  # As the function named there.
                continue
            head, _, text = docstring.partition("Parameters\n----------\n")
            heads = (line.split(" : ")[0] for line in re.findall(r"^\S.*", text, re.M))
            said = {name.strip() for head in heads for name in head.split(",")}
            if set(names) <= said:
                described += 1
            else:
                lacking.append(f"{file.relative_to(library)}:{function.name} lacks {sorted(set(names) - said)}")
            assert head and not head.startswith("What "), f"{function.name}: say what it does"
    assert described > 380
    assert not lacking, "describe every argument under Parameters:\n" + "\n".join(lacking)


def descriptions(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield names and first lines of what a docstring says of parameters and attributes."""
    for section in re.findall(r"^(?:Parameters|Attributes)\n-+\n(.*?)(?=\n\n\S[^\n]*\n---|\Z)", docstring, re.M | re.S):
        yield from re.findall(r"^(\S.*)\n    +(\S.*)", section, re.M)


def test_docstrings_and_arguments_say_what_it_is(repository: Path) -> None:
    riddles, described = [], 0
    for file in (repository / "lib" / "genescribe").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                continue
            docstring = ast.get_docstring(node) or ""
            first = ("first line", docstring.partition("\n")[0])
            for head, text in [first, *descriptions(docstring)]:
                described += bool(text)
                if re.match(r"(What|Which|Whose|Those|That)\b", text):
                    riddles.append(f"{file}:{getattr(node, 'name', '')}: {head}: {text}")
    assert described > 5_000
    assert not riddles, "say what it is, with shape and unit:\n" + "\n".join(riddles)


def test_what_docstrings_refer_to_exists(repository: Path) -> None:
    """`genescribe.folder.module.name` in a docstring or a comment leads somewhere."""
    library, references = repository / "lib", 0
    for file in library.rglob("*.py"):
        for reference in set(re.findall(r"`(genescribe(?:\.\w+)+)`", file.read_text(encoding="utf-8"))):
            path, names = library, reference.split(".")
            while names and (path / names[0]).is_dir():
                path /= names.pop(0)
            module = path / f"{names.pop(0)}.py" if names and (path / f"{names[0]}.py").is_file() else path
            source = (module / "__init__.py" if module.is_dir() else module).read_text(encoding="utf-8")
            references += 1
            assert not names or re.search(rf"\b{names[0]}\b", source), f"{file}: no {reference}"
    assert references > 100
