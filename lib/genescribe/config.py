"""Dataclasses as configuration: strict reading from YAML/JSON, plain writing, and a JSON Schema.

Every component keeps its defaults in one frozen dataclass. `from_mapping` reads one from parsed YAML and refuses
unknown keys, wrong types and values outside the stated bounds, each with one clear line; `json_schema` gives the
same rules to editors and to the workflow.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from genescribe.errors import InputError

T = TypeVar("T")
_MISSING = dataclasses.MISSING
_FROM_TEXT: dict[Any, Callable[[str], Any]] = {
    float: float,
    int: int,
    bool: lambda text: {"true": True, "false": False}[text.lower()],
}
_JSON_NAMES = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}


def option(
    default: Any = _MISSING,
    *,
    doc: str,
    minimum: float | None = None,
    maximum: float | None = None,
    needs: str | None = None,
    default_factory: Any = _MISSING,
) -> Any:
    """Return a dataclass field with its documentation and bounds (both inclusive).

    Parameters
    ----------
    default
        Default value; left out: the option is required.
    doc
        Effect of the option, for the schema and messages.
    minimum, maximum
        Bounds of a number, both inclusive; None: no bound.
    needs
        Another option of the class without which this one is not read, as ``scheduler: plateau``, ``kind: a or b``,
        ``hints`` (is given, or above 0) or ``no hosts``; `from_mapping` refuses this one where it does nothing.
    default_factory
        Function that makes the default; for lists, mappings and dataclasses.
    """
    metadata = {"doc": doc, "minimum": minimum, "maximum": maximum, "needs": needs}
    if default_factory is not _MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    if default is _MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def option_of(cls: type[Any], name: str, default: Any = _MISSING, *, needs: str | None = None) -> Any:
    """Return a dataclass field with the documentation, bounds and default of an option of another class.

    Parameters
    ----------
    cls
        Configuration class that has the option.
    name
        Name of the option there.
    default
        Default in its place; left out: the same.
    needs
        See `option`; None: as there.
    """
    fields: dict[str, dataclasses.Field[Any]] = cls.__dataclass_fields__
    field = fields[name]
    metadata = field.metadata if needs is None else {**field.metadata, "needs": needs}
    if field.default_factory is not _MISSING:
        return dataclasses.field(default_factory=field.default_factory, metadata=metadata)
    return dataclasses.field(default=field.default if default is _MISSING else default, metadata=metadata)


class Idle(dict[str, str]):
    """Options without an effect beside the others: dotted name -> the option it needs. Returned by a method `idle`.

    Where `needs` of `option` cannot say it, a configuration class tells with ``def idle(self) -> Idle`` which of its
    options, and of those nested in them, are not read for the values of the others.

    Examples
    --------
    >>> Idle().unless(False, "head: semicrf", "max_duration", "shortest")
    {'max_duration': 'head: semicrf', 'shortest': 'head: semicrf'}
    """

    def unless(self, used: bool, needs: str, *names: str) -> Idle:
        """Add options that are read only where `used`; return this object."""
        if not used:
            self.update(dict.fromkeys(names, needs))
        return self


def from_mapping(
    cls: type[T], data: object, *, where: str, key: str = "", base: T | None = None, stored: bool = False
) -> T:
    """Build the dataclass `cls` from a mapping.

    Parameters
    ----------
    cls
        A dataclass whose fields are int, float, str, bool, None, Literal, list, tuple, dict[str, ...], unions of
        these, or further dataclasses.
    data
        Parsed YAML or JSON.
    where
        The file it came from, for messages.
    key
        Dotted path of `data` in that file.
    base
        Gives the values of keys that are missing; None: the defaults of `cls` do. Of a nested dataclass it is the
        default of the field, so that one key leaves the others at what the field has, not at what its class has.
    stored
        The mapping is what `to_mapping` wrote, with every option in it: none is refused for doing nothing.

    Raises
    ------
    InputError
        Unknown key, missing key, wrong type, a value outside its bounds, or an option that does nothing.
    """
    if not isinstance(data, Mapping):
        raise InputError(
            f"{_named(key)} is {_kind(data)}, not a mapping",
            where=where,
            remedy="write it as `key: value` lines",
        )
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in data:
        if name not in fields:
            known = ", ".join(sorted(fields))
            raise InputError(
                f"unknown key {_named(_join(key, str(name)))}",
                where=where,
                remedy=f"known keys here: {known}",
            )
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, spec in fields.items():
        if name in data:
            path = _join(key, name)
            below = _default(spec) if base is None else getattr(base, name)
            value = _convert(hints[name], data[name], where, path, below, stored)
            values[name] = _check_bounds(value, spec, where, path)
        elif base is not None:
            values[name] = getattr(base, name)
        elif spec.default is _MISSING and spec.default_factory is _MISSING:
            raise InputError(
                f"{_named(_join(key, name))} is missing",
                where=where,
                remedy=spec.metadata.get("doc", "add it"),
            )
    built = cls(**values)
    if not stored:
        _refuse_idle(built, base, data, where, key)
    return built


def _default(spec: dataclasses.Field[Any]) -> Any:
    """Return a field's default; None where it has none."""
    if spec.default_factory is not _MISSING:
        return spec.default_factory()
    return None if spec.default is _MISSING else spec.default


def _refuse_idle(built: Any, base: Any, data: Mapping[Any, Any], where: str, key: str) -> None:
    """Refuse options that were given, with other values than the defaults, and are not read."""
    idle = {
        spec.name: spec.metadata["needs"]
        for spec in dataclasses.fields(built)
        if spec.metadata.get("needs") and not _has(built, spec.metadata["needs"])
    }
    idle |= built.idle() if hasattr(built, "idle") else {}
    usual = {spec.name: _plain(_default(spec)) for spec in dataclasses.fields(built)} if base is None else _plain(base)
    values = _plain(built)
    for dotted, needs in idle.items():
        parts = dotted.split(".")
        if _at(data, parts) is not None and _at(values, parts) != _at(usual, parts):
            raise InputError(
                f"{_named(_join(key, dotted))} does nothing here",
                where=where,
                remedy=f"it needs {needs}; leave it out",
            )


def _has(config: Any, needs: str) -> bool:
    """Return whether a configuration has what an option needs; see `option`."""
    name, _, values = needs.partition(": ")
    if values:
        return str(getattr(config, name)) in values.split(" or ")
    if name.startswith("no "):
        return not getattr(config, name.removeprefix("no "))
    return bool(getattr(config, name.removesuffix(" above 0")))


def _at(data: Any, parts: list[str]) -> Any:
    """Return the value at a dotted place; None where there is nothing."""
    for part in parts:
        if dataclasses.is_dataclass(data):
            data = getattr(data, part, None)
        elif isinstance(data, Mapping):
            data = data.get(part)
        else:
            return None
    return data


def check_bounds(config: Any, *, where: str) -> None:
    """Check the numbers of a dataclass against the bounds of its options: one made in code, not read from a file.

    Raises
    ------
    InputError
        A value outside its bounds.
    """
    for spec in dataclasses.fields(config):
        _check_bounds(getattr(config, spec.name), spec, where, spec.name)


def to_mapping(config: Any) -> dict[str, Any]:
    """Return a dataclass as plain JSON values, every default written out."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def json_schema(cls: type[Any], base: Any = None) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a dataclass; unknown keys are errors. `base` has other defaults."""
    hints = typing.get_type_hints(cls)
    properties, required = {}, []
    for spec in dataclasses.fields(cls):
        below = _default(spec) if base is None else getattr(base, spec.name)
        nested = dataclasses.is_dataclass(hints[spec.name])
        schema = json_schema(hints[spec.name], below) if nested else _type_schema(hints[spec.name])
        for bound in ("minimum", "maximum"):
            if spec.metadata.get(bound) is not None:
                schema[bound] = spec.metadata[bound]
        if "doc" in spec.metadata:
            needs = spec.metadata.get("needs")
            schema["description"] = spec.metadata["doc"] + (f" (only with {needs})" if needs else "")
        if spec.default is not _MISSING:
            schema["default"] = _plain(below)
        elif spec.default_factory is _MISSING:
            required.append(spec.name)
        properties[spec.name] = schema
    result: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    if required:
        result["required"] = required
    return result


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _named(key: str) -> str:
    return f"`{key}`" if key else "the configuration"


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return f"{value!r} ({_JSON_NAMES.get(type(value), type(value).__name__)})"


def _convert(hint: Any, value: Any, where: str, key: str, below: Any = None, stored: bool = False) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(arguments, value, where, key, stored)
    if origin is Literal:
        if any(value == argument and type(value) is type(argument) for argument in arguments):
            return value
        raise _wrong(key, value, "one of " + ", ".join(map(repr, arguments)), where)
    if origin in (list, tuple):
        if not isinstance(value, list | tuple):
            raise _wrong(key, value, "a list", where)
        if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
            if len(value) != len(arguments):
                raise _wrong(key, value, f"a list of {len(arguments)} values", where)
            pairs = zip(arguments, value, strict=True)
            return tuple(_convert(a, v, where, f"{key}[{i}]", None, stored) for i, (a, v) in enumerate(pairs))
        return origin(_convert(arguments[0], v, where, f"{key}[{i}]", None, stored) for i, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _wrong(key, value, "a mapping", where)
        return {str(k): _convert(arguments[1], v, where, _join(key, str(k)), None, stored) for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        return (
            value
            if isinstance(value, typing.cast(type, hint))
            else from_mapping(typing.cast(Any, hint), value, where=where, key=key, base=below, stored=stored)
        )
    return _convert_scalar(hint, value, where, key)


def _convert_union(arguments: tuple[Any, ...], value: Any, where: str, key: str, stored: bool) -> Any:
    errors = []
    for argument in arguments:
        try:
            return _convert(argument, value, where, key, None, stored)
        except InputError as error:
            errors.append((argument, error))
    # A mapping was meant for the argument that is one: its own error says more than "not a string".
    for argument, fault in errors:
        if isinstance(value, Mapping) and (dataclasses.is_dataclass(argument) or get_origin(argument) is dict):
            raise fault
    raise _wrong(key, value, " or ".join(_type_name(a) for a in arguments), where)


def _convert_scalar(hint: Any, value: Any, where: str, key: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, float) and not math.isfinite(value):
        raise _wrong(key, value, "a finite number", where)
    if isinstance(value, str) and hint in _FROM_TEXT:
        # YAML 1.1 reads 1e-3 (no dot) as text, and Snakemake hands all that stands below the first level of --config on
        # as text; people mean the number.
        try:
            return _convert_scalar(hint, _FROM_TEXT[hint](value), where, key)
        except (ValueError, KeyError):
            pass
    if type(value) is hint or (hint is type(None) and value is None):
        return value
    raise _wrong(key, value, _type_name(hint), where)


def _wrong(key: str, value: Any, expected: str, where: str) -> InputError:
    return InputError(f"{_named(key)} is {_kind(value)}", where=where, remedy=f"give {expected}")


def _type_name(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    if hint in _JSON_NAMES:
        name = _JSON_NAMES[hint]
        return "nothing (null)" if name == "null" else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    return {list: "a list", tuple: "a list", dict: "a mapping"}.get(get_origin(hint), "a mapping")


def _check_bounds(value: Any, spec: dataclasses.Field[Any], where: str, key: str) -> Any:
    low, high = spec.metadata.get("minimum"), spec.metadata.get("maximum")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bounds = [f"{word} {bound}" for word, bound in (("at least", low), ("at most", high)) if bound is not None]
        raise InputError(f"{_named(key)} is {value}", where=where, remedy=f"give {' and '.join(bounds)}")
    return value


def _type_schema(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return {}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_type_schema(a) for a in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        items = [_type_schema(a) for a in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if origin in (list, tuple):
        return {"type": "array", "items": _type_schema(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type_schema(arguments[1])}
    if dataclasses.is_dataclass(hint):
        return json_schema(typing.cast(type, hint))
    return {"type": _JSON_NAMES[hint]}
