"""One value as MessagePack, and back: by the typed decoder or the plain one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from types import GeneratorType
from typing import Any, NamedTuple, TypeAlias, cast

import ormsgpack

from winch.callables import class_path
from winch.codec.tags import (
    DATACLASS,
    ENUM,
    FROZENSET,
    LEAF_READERS,
    LEAF_WRITERS,
    PAIRS,
    SET,
    TUPLE,
    Unfit,
    read_one,
    write_int,
)
from winch.errors import DecodeError, EncodeError, UnimportableFunction

__all__ = ["MAX_DEPTH", "LoadClass", "Shown", "Unfit", "lower", "pack", "unpack"]

LoadClass: TypeAlias = Callable[[str], type]
"""Decides whether a class may be loaded here, imports it, or raises `DecodeError`."""

MAX_DEPTH = 200

_OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_TEXT = frozenset({str})
_CONTAINERS = {tuple: TUPLE, set: SET, frozenset: FROZENSET}


class Shown(NamedTuple):
    """A value of a class, shown as data.

    Attributes:
        path: The class, dotted.
        data: The fields of a dataclass as `(name, value)` pairs; the name of an enum's member.
    """

    path: str
    data: Any

    def __repr__(self) -> str:
        """As Python would show it."""
        name = self.path.rpartition(":")[2].rpartition(".")[2]  # scripts/report.py:Order, or shop.orders.Order
        data: Any = self.data
        if isinstance(data, tuple):
            fields = cast("tuple[tuple[str, Any], ...]", data)
            return f"{name}({', '.join(f'{field}={value!r}' for field, value in fields)})"
        return f"{name}.{data}"

    def __hash__(self) -> int:
        """By class only: its data need not be hashable."""
        return hash(self.path)


# ---- out ------------------------------------------------------------------------------------------------------------


def pack(lowered: Any) -> bytes:
    """MessagePack of what `lower` returned.

    Raises:
        EncodeError: A text cannot be written as UTF-8.
    """
    try:
        return ormsgpack.packb(lowered, default=write_int, option=_OPTIONS)
    except TypeError as error:
        if "surrogates" in str(error):
            raise EncodeError(
                "a text holds lone surrogates, so it is no valid Unicode: encode it with os.fsencode() and pass bytes"
            ) from error
        raise EncodeError(str(error)) from error


def lower(value: Any, depth: int = 0) -> Any:
    """The value with everything that MessagePack does not know as Ext; itself if there is nothing.

    Raises:
        Unfit: It, or something inside it, cannot be encoded.
    """
    kind = cast(Any, type(value))
    if kind in _PLAIN:
        return value
    if depth > MAX_DEPTH:
        raise Unfit(value, f"it is nested more than {MAX_DEPTH} deep, or contains itself")
    if kind is list:
        return value if _PLAIN.issuperset(map(type, value)) else _lower_items(value, depth)
    if kind is dict:
        return _lower_dict(value, depth)
    if kind in _CONTAINERS:
        plain = _PLAIN.issuperset(map(type, value))
        return ormsgpack.Ext(_CONTAINERS[kind], pack(list(value) if plain else _lower_items(value, depth)))
    if leaf := LEAF_WRITERS.get(kind):
        return ormsgpack.Ext(leaf[0], leaf[1](value))
    return _lower_instance(value, depth)


def _lower_items(values: Iterable[Any], depth: int) -> list[Any]:
    lowered: list[Any] = []
    for index, item in enumerate(values):
        try:
            lowered.append(lower(item, depth + 1))
        except Unfit as unfit:
            unfit.trail.append(f"[{index}]")
            raise
    return lowered


def _lower_dict(value: dict[Any, Any], depth: int) -> Any:
    if not _TEXT.issuperset(map(type, value)):
        pairs = [part for item in value.items() for part in item]
        return ormsgpack.Ext(PAIRS, pack(_lower_items(pairs, depth)))
    if _PLAIN.issuperset(map(type, value.values())):
        return value
    lowered: dict[str, Any] = {}
    for key, item in value.items():
        try:
            lowered[key] = lower(item, depth + 1)
        except Unfit as unfit:
            unfit.trail.append(f"[{key!r}]")
            raise
    return lowered


def _lower_instance(value: Any, depth: int) -> Any:
    if isinstance(value, Enum):
        return ormsgpack.Ext(ENUM, pack(_enum_parts(value)))
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise Unfit(value, _advice(value))
    path = _path_of_class(value, cast(Any, type(value)))
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        try:
            fields[field.name] = lower(getattr(value, field.name), depth + 2)  # inside a list and a dict
        except Unfit as unfit:
            unfit.trail.append(f".{field.name}")
            raise
    return ormsgpack.Ext(DATACLASS, pack([path, fields]))


def _enum_parts(value: Enum) -> list[Any]:
    path = _path_of_class(value, type(value))
    name: str | None = value.name
    if name in type(value).__members__:
        return [path, name]
    return [path, None, value.value]  # a combination of flags


@lru_cache(maxsize=512)
def _known_path(kind: type) -> str:
    path = class_path(kind)
    if not issubclass(kind, Enum):
        object.__new__(cast(Any, kind))  # a TypeError for a dataclass that is also a dict, an exception, ...
    return path


def _path_of_class(value: Any, kind: type) -> str:
    try:
        return _known_path(kind)
    except (UnimportableFunction, TypeError) as error:
        raise Unfit(value, str(error)) from error


_CONVERSIONS: tuple[tuple[Any, str], ...] = (
    (str, "str(it)"),
    (int, "int(it)"),
    (float, "float(it)"),
    ((bytes, bytearray, memoryview), "bytes(it)"),
    (tuple, "tuple(it)"),
    ((list, range, GeneratorType, map, filter, zip), "list(it)"),
    (dict, "dict(it)"),
    (set, "set(it)"),
    (frozenset, "frozenset(it)"),
    *((kind, f"a plain {kind.__name__}") for kind in list(LEAF_WRITERS)[::-1]),  # datetime before date
)


def _advice(value: object) -> str:
    for kinds, conversion in _CONVERSIONS:
        if isinstance(value, kinds):
            return f"it would not arrive as it left; pass {conversion}"
    return 'pass an id or plain data and load the rest in the job, or use codec="pickle"'


# ---- back -----------------------------------------------------------------------------------------------------------


class _Node(NamedTuple):
    """An Ext that has not been built yet: ormsgpack swallows what a hook raises, and would nest its C stack."""

    tag: int
    data: bytes


_Builder: TypeAlias = Callable[[Any, LoadClass | None], Any]
_UNFINISHED = frozenset({list, dict, _Node})


def unpack(data: bytes, load_class: LoadClass | None) -> Any:
    """The value that `pack(lower(value))` wrote.

    Args:
        data: All of the bytes.
        load_class: None is the plain decoder.

    Raises:
        DecodeError: Damaged, nested too deep, or a class that may not be loaded.
    """
    try:
        value = read_one(data)
    except ValueError:
        value = _read(data)
    else:
        if len(data) <= MAX_DEPTH:  # each level takes at least one byte
            return value
    try:
        return _build(value, load_class, 0)
    except RecursionError as error:
        raise DecodeError("nested too deep for this stack") from error


def _read(data: bytes) -> Any:
    try:
        return read_one(data, _Node)
    except ValueError as error:
        raise DecodeError(f"damaged MessagePack: {error}") from error


def _build(value: Any, load_class: LoadClass | None, depth: int) -> Any:
    """Build the nodes inside, in place where that is possible, and refuse what is nested too deep."""
    if depth > MAX_DEPTH:
        raise DecodeError(f"nested more than {MAX_DEPTH} deep")
    if type(value) is _Node:
        if value.tag in LEAF_READERS:
            return _finish(LEAF_READERS[value.tag], value.data)
        inner, build = _open_node(value)
        _build_inside(inner, inner, enumerate(inner), load_class, depth)
        return _finish(build, inner, load_class)
    if type(value) is list:
        items = cast("list[Any]", value)
        _build_inside(items, items, enumerate(items), load_class, depth)
    elif type(value) is dict:
        table = cast("dict[str, Any]", value)
        _build_inside(table, table.values(), table.items(), load_class, depth)
    return cast(Any, value)


def _open_node(node: _Node) -> tuple[list[Any], _Builder]:
    build = _BUILDERS.get(node.tag)
    if build is None:
        raise DecodeError(f"MessagePack Ext {node.tag} is unknown to this winch: update it")
    inner = _read(node.data)
    if type(inner) is not list:
        raise DecodeError("damaged value: no list in its Ext")
    return cast("list[Any]", inner), build


def _build_inside(
    holder: Any, values: Iterable[Any], keyed: Iterable[tuple[Any, Any]], load_class: LoadClass | None, depth: int
) -> None:
    """Build what is unfinished in a list or a dict."""
    if _UNFINISHED.isdisjoint(map(type, values)):
        return
    for key, item in keyed:
        if type(item) in _UNFINISHED:
            holder[key] = _build(item, load_class, depth + 1)


def _finish(build: Callable[..., Any], *given: Any) -> Any:
    """What a reader or builder makes of bytes that anybody may have written."""
    try:
        return build(*given)
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(f"damaged value: {type(error).__name__}: {error}") from error


def _build_pairs(inner: list[Any]) -> dict[Any, Any]:
    return dict(zip(inner[::2], inner[1::2], strict=True))


def _build_enum(inner: list[Any], load_class: LoadClass | None) -> Any:
    path, name, *rest = inner
    if load_class is None:
        return Shown(path, name if name is not None else repr(rest[0]))
    kind = load_class(path)
    if not issubclass(kind, Enum):
        raise DecodeError(f"{path} is no longer an enum")
    return kind[name] if name is not None else kind(rest[0])


def _build_dataclass(inner: list[Any], load_class: LoadClass | None) -> Any:
    path, fields = inner
    if load_class is None:
        return Shown(path, tuple(fields.items()))
    kind = load_class(path)
    if not dataclasses.is_dataclass(kind):
        raise DecodeError(f"{path} is no longer a dataclass")
    value = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(value, field.name, _field_value(path, field, fields))
    if fields:
        raise DecodeError(f"{path} has no field {', '.join(fields)} here: the class has changed since")
    return value


def _field_value(path: str, field: dataclasses.Field[Any], fields: dict[str, Any]) -> Any:
    if field.name in fields:
        return fields.pop(field.name)
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise DecodeError(f"{path} needs a field {field.name} here, which was not sent: the class has changed since")


_BUILDERS: dict[int, _Builder] = {
    TUPLE: lambda inner, _: tuple(inner),
    SET: lambda inner, _: set(inner),
    FROZENSET: lambda inner, _: frozenset(inner),
    PAIRS: lambda inner, _: _build_pairs(inner),
    ENUM: _build_enum,
    DATACLASS: _build_dataclass,
}
