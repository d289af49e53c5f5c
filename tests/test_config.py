"""Strict configuration: what is read is what is written, and every mistake is named."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from genescribe.config import from_mapping, json_schema, option, to_mapping
from genescribe.errors import InputError


@dataclass(frozen=True)
class Inner:
    """A part."""

    width: int = option(8, doc="channels", minimum=1, maximum=64)
    rate: float = option(0.5, doc="share", minimum=0, maximum=1)


@dataclass(frozen=True)
class Outer:
    """A whole."""

    name: str = option(doc="what it is called")
    kind: Literal["linear", "semicrf"] = option("linear", doc="head")
    inner: Inner = option(default_factory=Inner, doc="the part")
    parts: dict[str, Inner] = option(default_factory=dict, doc="more parts")
    regions: list[str] = option(default_factory=list, doc="where")
    pair: tuple[int, float] = (1, 2.0)
    many: tuple[int, ...] = ()
    limit: int | None = option(None, doc="at most", minimum=0)
    either: str | Inner = "plain"
    flag: bool = False
    free: dict[str, Any] = field(default_factory=dict)


INNER = st.builds(Inner, width=st.integers(1, 64), rate=st.floats(0, 1))
OUTER = st.builds(
    Outer,
    name=st.text(max_size=5),
    kind=st.sampled_from(["linear", "semicrf"]),
    inner=INNER,
    parts=st.dictionaries(st.text(max_size=3), INNER, max_size=2),
    regions=st.lists(st.text(max_size=3), max_size=2),
    pair=st.tuples(st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    many=st.lists(st.integers(), max_size=3).map(tuple),
    limit=st.none() | st.integers(0, 9),
    either=st.text(max_size=3) | INNER,
    flag=st.booleans(),
    free=st.dictionaries(st.text(max_size=2), st.integers() | st.booleans(), max_size=2),
)


@given(OUTER)
def test_what_is_written_is_read(config: Outer) -> None:
    mapping = to_mapping(config)
    assert from_mapping(Outer, mapping, where="config.yaml") == config
    jsonschema.validate(mapping, json_schema(Outer))
    assert from_mapping(Outer, yaml.safe_load(yaml.safe_dump(mapping)), where="config.yaml") == config


def test_defaults_are_filled_in() -> None:
    assert from_mapping(Outer, {"name": "x"}, where="c") == Outer("x")
    assert to_mapping(Outer("x"))["inner"] == {"width": 8, "rate": 0.5}


def test_numbers_as_people_write_them() -> None:
    assert from_mapping(Inner, {"rate": 1}, where="c").rate == 1.0
    # YAML 1.1 reads a number without a dot as text.
    assert math.isclose(from_mapping(Inner, yaml.safe_load("rate: 1e-3"), where="c").rate, 1e-3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nome": "x"}, "unknown key `nome`; known keys here: either, flag, free, inner"),
        ({}, "`name` is missing; what it is called"),
        ({"name": 3}, "`name` is 3 (integer); give a string"),
        ({"name": None}, "`name` is empty; give a string"),
        ({"name": "x", "kind": "quadratic"}, "`kind` is 'quadratic' (string); give one of 'linear', 'semicrf'"),
        ({"name": "x", "inner": {"widht": 3}}, "unknown key `inner.widht`; known keys here: rate, width"),
        ({"name": "x", "inner": 3}, "`inner` is 3 (integer)"),
        ({"name": "x", "inner": {"width": 0}}, "`inner.width` is 0; give at least 1 and at most 64"),
        ({"name": "x", "inner": {"width": 65}}, "`inner.width` is 65; give at least 1 and at most 64"),
        ({"name": "x", "inner": {"width": 2.5}}, "`inner.width` is 2.5 (number); give an integer"),
        ({"name": "x", "inner": {"width": True}}, "`inner.width` is True (boolean); give an integer"),
        ({"name": "x", "inner": {"rate": float("nan")}}, "`inner.rate` is nan (number); give a finite number"),
        ({"name": "x", "inner": {"rate": "fast"}}, "`inner.rate` is 'fast' (string); give a number"),
        ({"name": "x", "limit": -1}, "`limit` is -1; give at least 0"),
        ({"name": "x", "limit": "3.5"}, "`limit` is '3.5' (string); give an integer or nothing (null)"),
        ({"name": "x", "regions": "I"}, "`regions` is 'I' (string); give a list"),
        ({"name": "x", "regions": ["I", 2]}, "`regions[1]` is 2 (integer); give a string"),
        ({"name": "x", "pair": [1]}, "`pair` is a list; give a list of 2 values"),
        ({"name": "x", "many": [1, "a"]}, "`many[1]` is 'a' (string); give an integer"),
        ({"name": "x", "parts": [1]}, "`parts` is a list; give a mapping"),
        ({"name": "x", "parts": {"a": {"width": "b"}}}, "`parts.a.width` is 'b' (string); give an integer"),
        ({"name": "x", "either": {"widht": 1}}, "unknown key `either.widht`"),
        ({"name": "x", "either": 4}, "`either` is 4 (integer); give a string or a mapping"),
        ({"name": "x", "flag": "yes"}, "`flag` is 'yes' (string); give a boolean"),
        ([1], "the configuration is a list, not a mapping"),
        (None, "the configuration is empty, not a mapping"),
    ],
)
def test_every_mistake_is_named(data: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        from_mapping(Outer, data, where="config.yaml")
    assert str(caught.value).startswith("config.yaml: " + message)


@pytest.mark.parametrize(
    "data",
    [{}, {"name": "x", "inner": {"width": 0}}, {"name": "x", "kind": "other"}, {"name": "x", "extra": 1},
     {"name": "x", "regions": "I"}, {"name": "x", "parts": {"a": {"rate": 2}}}, {"name": "x", "pair": [1]}],
)  # fmt: skip
def test_the_schema_refuses_what_the_reader_refuses(data: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        from_mapping(Outer, data, where="c")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json_schema(Outer))


def test_the_schema_tells_defaults_and_documentation() -> None:
    schema = json_schema(Outer)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["name"]
    assert schema["properties"]["kind"] == {"enum": ["linear", "semicrf"], "description": "head", "default": "linear"}
    assert schema["properties"]["inner"]["additionalProperties"] is False
