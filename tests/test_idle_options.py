"""Every configuration key is read by something, is refused where it is not, and leaves its neighbours alone."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
import re
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import genescribe
from genescribe.config import Idle, from_mapping, json_schema, option, to_mapping
from genescribe.errors import InputError
from genescribe.generate.config import GenerateModelConfig

LIBRARY = Path(genescribe.__file__).parent


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax of every module, of the scripts and the rules' Python."""
    files = [*LIBRARY.rglob("*.py"), *(LIBRARY.parents[1] / "scripts").glob("*.py")]
    return {str(file): ast.parse(file.read_text(encoding="utf-8")) for file in files}


@cache
def configurations() -> list[type[Any]]:
    """Return every dataclass that is read from a configuration: those with a documented option."""
    found: dict[type[Any], None] = {}
    for info in pkgutil.walk_packages([str(LIBRARY)], "genescribe."):
        # Only modules that declare options: importing every one would need every optional package.
        path = LIBRARY.joinpath(*info.name.split(".")[1:])
        file = path / "__init__.py" if info.ispkg else path.with_suffix(".py")
        if not file.exists() or "= option(" not in file.read_text(encoding="utf-8"):
            continue
        for value in vars(importlib.import_module(info.name)).values():
            own = dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == info.name
            if own and any("doc" in field.metadata for field in dataclasses.fields(value)):
                found[value] = None
    return list(found)


@cache
def names_read() -> frozenset[str]:
    """Return every name that is read as an attribute, or named as text, anywhere but in an `idle` or a declaration."""
    names: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef) and node.name == "idle":
            return
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            names.add(node.attr)
        for child in ast.iter_child_nodes(node):
            visit(child)

    for tree in modules().values():
        visit(tree)
    rules = [*(LIBRARY.parents[1] / "rules").glob("*.smk"), LIBRARY.parents[1] / "Snakefile"]
    words = "\n".join(rule.read_text(encoding="utf-8") for rule in rules)
    return frozenset(names | set(re.findall(r"\.(\w+)", words)))


def test_the_search_finds_the_classes() -> None:
    names = {cls.__name__ for cls in configurations()}
    assert {"WorkflowConfig", "SegmentModelConfig", "TrainConfig", "CodonModelConfig", "AnnotationJob"} <= names


@pytest.mark.parametrize("cls", configurations(), ids=lambda cls: cls.__name__)
def test_every_key_is_read_somewhere(cls: type[Any]) -> None:
    unread = {field.name for field in dataclasses.fields(cls)} - names_read()
    assert not unread, f"nothing reads {sorted(unread)} of {cls.__name__}"


def test_a_key_that_nobody_reads_is_found() -> None:
    assert "no_such_option_anywhere" not in names_read() and {"max_duration", "duration_knots"} <= names_read()


# -- nested defaults -------------------------------------------------------------------------------------------------
def nested(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a class that are configurations of their own, with their defaults."""
    for field in dataclasses.fields(cls):
        if field.default_factory is not dataclasses.MISSING and dataclasses.is_dataclass(field.default_factory()):
            yield field.name, field.default_factory()


def required(cls: type[Any]) -> dict[str, Any]:
    """Return values for the fields of a class that have no default."""
    simple = {str: "x", int: 1, float: 1.0}
    found: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(cls).items():
        field = cls.__dataclass_fields__[name]
        if field.default is field.default_factory is dataclasses.MISSING:
            found[name] = simple.get(hint, [] if typing.get_origin(hint) is list else None)
            if dataclasses.is_dataclass(hint):
                found[name] = required(typing.cast(type, hint))
            elif typing.get_origin(hint) in (typing.Union, types.UnionType):
                found[name] = "x"
    return found | ({"gbff": "x"} if cls.__name__ == "DatasetConfig" else {})


def other(value: Any, field: dataclasses.Field[Any]) -> Any:
    """Return another valid value of a simple field; None where there is none at hand."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
        tries = (value + 1, value / 2 if isinstance(value, float) else value - 1)
        return next((x for x in tries if (low is None or x >= low) and (high is None or x <= high)), None)
    return None


PAIRS = [(cls, name, default) for cls in configurations() for name, default in nested(cls)]


@pytest.mark.parametrize(("cls", "name", "default"), PAIRS, ids=[f"{cls.__name__}.{name}" for cls, name, _ in PAIRS])
def test_one_nested_key_leaves_the_others_at_the_defaults_of_the_whole(cls: type[Any], name: str, default: Any) -> None:
    for field in dataclasses.fields(default):
        value = other(getattr(default, field.name), field)
        if value is None:
            continue
        given = {**required(cls), name: {field.name: value}}
        try:
            built = from_mapping(cls, given, where="c", stored=True)
        except InputError:
            continue  # Some classes check how values fit together.
        assert getattr(built, name) == dataclasses.replace(default, **{field.name: value})


def test_the_generate_family_keeps_its_encoder() -> None:
    built = from_mapping(GenerateModelConfig, {"encoder": {"hidden_dim": 64}}, where="c")
    assert built.encoder == dataclasses.replace(GenerateModelConfig().encoder, hidden_dim=64)
    assert (built.encoder.kind, built.encoder.fold) == ("attention", 6)


# -- keys that do nothing beside the others --------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Part:
    """A part."""

    size: int = option(1, doc="size")


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole."""

    kind: str = option("plain", doc="kind")
    width: int = option(8, doc="width")
    height: int = option(8, doc="height", needs="kind: wide or high")
    depth: int = option(1, doc="depth", needs="height above 0")
    flat: int = option(1, doc="flatness", needs="no depth")
    part: Part = option(default_factory=lambda: Part(3), doc="part")

    def idle(self) -> Idle:
        """Tell."""
        return Idle().unless(self.kind == "wide", "kind: wide", "width", "part.size")


def test_a_key_that_does_nothing_is_refused_where_it_says_something() -> None:
    for given, key in (({"width": 9}, "width"), ({"part": {"size": 4}}, "part.size")):
        with pytest.raises(InputError, match=f"`{key}` does nothing here; it needs kind: wide; leave it out"):
            from_mapping(Whole, given, where="c")
        assert from_mapping(Whole, {"kind": "wide", **given}, where="c")
        assert from_mapping(Whole, given, where="c", stored=True)
    assert from_mapping(Whole, to_mapping(Whole()), where="c") == Whole(), "defaults written out are no claim"
    assert from_mapping(Whole, {"part": {}}, where="c", base=Whole(width=5)).width == 5
    with pytest.raises(InputError, match="`width`"):
        from_mapping(Whole, {"width": 8}, where="c", base=Whole(width=5))


def test_a_key_that_needs_another_is_refused_without_it() -> None:
    for given, key, needs in (
        ({"height": 9}, "height", "kind: wide or high"),
        ({"kind": "high", "height": 0, "depth": 2}, "depth", "height above 0"),
        ({"flat": 2}, "flat", "no depth"),
    ):
        with pytest.raises(InputError, match=f"`{key}` does nothing here; it needs {needs}; leave it out"):
            from_mapping(Whole, given, where="c")
    assert from_mapping(Whole, {"kind": "high", "height": 9, "depth": 0, "flat": 2}, where="c").flat == 2
    assert json_schema(Whole)["properties"]["height"]["description"] == "height (only with kind: wide or high)"


@pytest.mark.parametrize("cls", configurations(), ids=lambda cls: cls.__name__)
def test_what_a_key_needs_exists(cls: type[Any]) -> None:
    fields = cls.__dataclass_fields__
    for field in fields.values():
        if needs := field.metadata.get("needs"):
            name, _, values = needs.removeprefix("no ").removesuffix(" above 0").partition(": ")
            assert name in fields, f"{field.name} needs {needs}"
            choices = {str(choice) for choice in typing.get_args(typing.get_type_hints(cls)[name])}
            assert not values or not choices or all(any(v in c for c in choices) for v in values.split(" or "))


@pytest.mark.parametrize("cls", [c for c in configurations() if hasattr(c, "idle")], ids=lambda cls: cls.__name__)
def test_what_is_called_idle_exists(cls: type[Any]) -> None:
    built: Any = from_mapping(cls, required(cls), where="c", stored=True)
    for dotted in built.idle():
        first, *rest = dotted.split(".")
        assert hasattr(built, first), dotted
        part = getattr(built, first)
        for name in rest if part is not None else []:
            part = getattr(part, name)
