"""How values that MessagePack does not know are written: the numbers of the Ext types, and one pair of functions each.

The numbers are stored: append only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import ormsgpack

from winch.errors import DecodeError

__all__ = [
    "DATACLASS",
    "ENUM",
    "FROZENSET",
    "INT",
    "LEAF_READERS",
    "LEAF_WRITERS",
    "PAIRS",
    "SET",
    "TUPLE",
    "Unfit",
    "read_one",
    "read_two",
    "write_int",
]

TUPLE: Final = 1
SET: Final = 2
FROZENSET: Final = 3
PAIRS: Final = 4
"""A dict whose keys are not all text: `[key, value, key, value, ...]`."""
INT: Final = 5
DECIMAL: Final = 6
COMPLEX: Final = 7
UUID_: Final = 8
PATH: Final = 9
DATE: Final = 10
TIME: Final = 11
DATETIME: Final = 12
TIMEDELTA: Final = 13
ENUM: Final = 14
"""`[class, name]`, or `[class, nil, value]` for a combination of flags."""
DATACLASS: Final = 15
"""`[class, fields]`."""

_unpackb = ormsgpack.unpackb  # looked up once: this is the hottest line of a worker
_END_VALUE = os.urandom(16)
_END = ormsgpack.packb(_END_VALUE)


class Unfit(Exception):
    """A value that cannot be encoded. The path to it is collected on the way out, innermost first."""

    def __init__(self, value: object, why: str) -> None:
        super().__init__(why)
        self.value = value
        self.why = why
        self.trail: list[str] = []

    def sentence(self, what: str) -> str:
        """What is wrong with `what`, in which the value is."""
        kind = type(self.value)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        inside = f" (at {''.join(reversed(self.trail))})" if self.trail else ""
        return f"{what}{inside} is of type {name}, which cannot be encoded: {self.why}"


def read_one(data: bytes, hook: Callable[[int, bytes], Any] | None = None) -> Any:
    """The one MessagePack value that `data` is.

    ormsgpack ignores bytes after the value. So the value is read as the first of a pair whose second nobody can guess.

    Raises:
        ValueError: It is not exactly one value, or it holds an Ext and there is no hook.
    """
    if hook is None:
        value, end = _unpackb(b"".join((b"\x92", data, _END)))
    else:
        value, end = _unpackb(b"".join((b"\x92", data, _END)), ext_hook=hook)
    if end != _END_VALUE:
        raise ValueError("more bytes than one value has")
    return value


def read_two(data: bytes) -> tuple[Any, Any]:
    """The two MessagePack values that `data` is, as `read_one` without a hook."""
    first, second, end = _unpackb(b"".join((b"\x93", data, _END)))
    if end != _END_VALUE:
        raise ValueError("more bytes than two values have")
    return first, second


def write_int(value: int) -> ormsgpack.Ext:
    """An integer of more than 64 bits."""
    if type(value) is not int:
        raise TypeError(f"unexpected {type(value).__name__}")
    return ormsgpack.Ext(INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _read_int(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _write_complex(value: complex) -> bytes:
    return ormsgpack.packb([value.real, value.imag])


def _read_complex(data: bytes) -> complex:
    real, imag = read_one(data)
    return complex(real, imag)


def _write_zone(value: datetime | time) -> Any:
    """None, the key of a ZoneInfo, or `[microseconds east of UTC, name or None]`."""
    zone = value.tzinfo
    if zone is None:
        return None
    if type(zone) is timezone:
        name: str | None = zone.__getinitargs__()[1] if len(zone.__getinitargs__()) > 1 else None  # type: ignore[attr-defined]
        return [zone.utcoffset(None) // timedelta(microseconds=1), name]
    if type(zone) is ZoneInfo and zone.key:
        return zone.key
    raise Unfit(
        value, f"its tzinfo is of type {type(zone).__module__}.{type(zone).__qualname__}: use zoneinfo.ZoneInfo"
    )


def _read_zone(zone: Any) -> tzinfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        return ZoneInfo(zone)
    offset, name = zone
    if not offset and name is None:
        return timezone.utc  # noqa: UP017 - the same object
    shift = timedelta(microseconds=offset)
    return timezone(shift) if name is None else timezone(shift, name)


def _write_moment(value: datetime | time) -> bytes:
    text = value.replace(tzinfo=None).isoformat()
    zone = _write_zone(value)
    return text.encode() if zone is None and not value.fold else ormsgpack.packb([text, value.fold, zone])


def _moment(data: bytes) -> tuple[str, int, tzinfo | None]:
    if data[:1].isdigit():
        return data.decode(), 0, None
    text, fold, zone = read_one(data)
    return text, fold, _read_zone(zone)


def _read_datetime(data: bytes) -> datetime:
    text, fold, zone = _moment(data)
    return datetime.fromisoformat(text).replace(fold=fold, tzinfo=zone)


def _read_time(data: bytes) -> time:
    text, fold, zone = _moment(data)
    return time.fromisoformat(text).replace(fold=fold, tzinfo=zone)


def _write_timedelta(value: timedelta) -> bytes:
    return ormsgpack.packb([value.days, value.seconds, value.microseconds])


def _read_timedelta(data: bytes) -> timedelta:
    days, secs, micros = read_one(data)
    return timedelta(days, secs, micros)


def _read_uuid(data: bytes) -> UUID:
    if len(data) != 16:
        raise DecodeError("a UUID has 16 bytes")
    return UUID(bytes=data)


LEAF_WRITERS: Mapping[type, tuple[int, Callable[[Any], bytes]]] = {
    Decimal: (DECIMAL, lambda value: str(value).encode()),
    complex: (COMPLEX, _write_complex),
    UUID: (UUID_, lambda value: value.bytes),
    type(Path()): (PATH, os.fsencode),
    date: (DATE, lambda value: value.isoformat().encode()),
    time: (TIME, _write_moment),
    datetime: (DATETIME, _write_moment),
    timedelta: (TIMEDELTA, _write_timedelta),
}
"""Per exact type: its number, and the function that makes the bytes."""

LEAF_READERS: Mapping[int, Callable[[bytes], Any]] = {
    INT: _read_int,
    DECIMAL: lambda data: Decimal(data.decode()),
    COMPLEX: _read_complex,
    UUID_: _read_uuid,
    PATH: lambda data: Path(os.fsdecode(data)),
    DATE: lambda data: date.fromisoformat(data.decode()),
    TIME: _read_time,
    DATETIME: _read_datetime,
    TIMEDELTA: _read_timedelta,
}
"""Per number: the function that reads the bytes."""
