"""Results, errors and meta as bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import ormsgpack

from winch.codec.envelope import MAX_RESULT, VERSION, dumps_json, dumps_pickle, load_json, load_pickle
from winch.codec.tags import read_one
from winch.codec.values import LoadClass, Unfit, lower, pack, unpack
from winch.errors import DecodeError, EncodeError, NewerPayload, PayloadTooLarge
from winch.options import Codec

__all__ = [
    "ErrorInfo",
    "add_to_meta",
    "dumps_error",
    "dumps_meta",
    "dumps_result",
    "load_error",
    "load_meta",
    "load_result",
    "otherwise",
    "plain_result",
]

MAX_META = 64_000
MAX_MESSAGE = 10_000
MAX_TRACEBACK = 64_000
"""Characters."""

CRASHED = "JobCrashed"
"""The type name of an error that is the text about a crash."""

_VERSION = bytes([VERSION])
_otherwise: list[Callable[[Any, Codec], bytes]] = []
_LETTERS: Mapping[str, bytes] = {"msgpack": b"\x01m", "json": b"\x01j", "pickle": b"\x01p"}


class ErrorInfo(NamedTuple):
    """What is known of an error.

    Attributes:
        type_name: Dotted name of its class; `JobCrashed` for the text about a crash; `""` if nothing is known.
        mro: Dotted names of the class and its bases.
        message: Its text.
        traceback: Formatted.
    """

    type_name: str
    mro: tuple[str, ...]
    message: str
    traceback: str


def dumps_result(value: Any, codec: Codec = "msgpack") -> bytes:
    """What a job returned, as bytes; None is `b""`.

    Raises:
        EncodeError: It cannot be encoded.
        PayloadTooLarge: It is larger than 1 MB.
    """
    if value is None:
        return b""
    try:
        return _dumps_result(value, codec)
    except EncodeError:
        if not _otherwise:
            raise
        return _otherwise[0](value, codec)


def otherwise(encode: Callable[[Any, Codec], bytes] | None) -> None:
    """What this process does with results that cannot be encoded: by default the job fails.

    Args:
        encode: Called with the result and its codec; returns bytes of `dumps_result`. None is the default.
    """
    _otherwise[:] = [] if encode is None else [encode]


def _dumps_result(value: Any, codec: Codec) -> bytes:
    if codec == "msgpack":
        data = _dumps(value, "the result")
    elif codec == "json":
        data = dumps_json(value, "the result")
    else:
        data = dumps_pickle(value, "the result")
    if len(data) > MAX_RESULT:
        raise PayloadTooLarge(
            f"the result takes {len(data):,} bytes and the limit is {MAX_RESULT:,}: "
            "put it in a file, a database or a cache and return its name"
        )
    return _LETTERS[codec] + data


def _dumps(value: Any, what: str) -> bytes:
    try:
        return pack(lower(value))
    except Unfit as unfit:
        raise EncodeError(unfit.sentence(what)) from unfit.__cause__
    except (EncodeError, RecursionError) as error:
        raise EncodeError(f"{what} cannot be encoded: {error}") from error


def load_result(data: bytes, load_class: LoadClass) -> Any:
    """What a job returned, by the typed decoder.

    Raises:
        DecodeError: As `load_call`.
    """
    return _load_result(data, load_class)


def plain_result(data: bytes) -> Any:
    """What a job returned, by the plain decoder: classes are `Shown`, and a pickled result is a text.

    Raises:
        DecodeError: It is damaged.
    """
    if data[:2] == _LETTERS["pickle"]:
        return f"<{len(data) - 2:,} pickled bytes>"
    return _load_result(data, None)


def _load_result(data: bytes, load_class: LoadClass | None) -> Any:
    if not data:
        return None
    match bytes(data[:2]):
        case b"\x01m":
            return unpack(data[2:], load_class)
        case b"\x01j":
            return load_json(data[2:])
        case b"\x01p":
            return load_pickle(data[2:])
        case _ if VERSION < data[0] < 0x20:
            raise NewerPayload(f"version {data[0]} of a result, this winch reads {VERSION}: update it")
        case _:
            raise DecodeError("this is no result of winch")


# ---- errors ---------------------------------------------------------------------------------------------------------


def dumps_error(type_name: str, mro: Sequence[str], message: str, traceback: str) -> bytes:
    """An error as bytes. Of a long message the head is kept, of a long traceback the tail."""
    parts = [_clean(name)[:500] for name in mro[:50]]
    if len(message) > MAX_MESSAGE:
        message = message[:MAX_MESSAGE] + "..."
    if len(traceback) > MAX_TRACEBACK:
        traceback = "...\n" + traceback[-MAX_TRACEBACK:]
    return _VERSION + pack([_clean(type_name)[:500], parts, _clean(message), _clean(traceback)])


def _clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def load_error(detail: bytes) -> ErrorInfo:
    """An error from its bytes. Anything that is not one is the plain text about a crash. Never raises."""
    if not detail:
        return ErrorInfo("", (), "", "")
    if detail[:1] == _VERSION:
        try:
            type_name, mro, message, traceback = read_one(detail[1:])
            return ErrorInfo(str(type_name), tuple(map(str, mro)), str(message), str(traceback))
        except (ValueError, TypeError):
            pass
    return ErrorInfo(CRASHED, (CRASHED,), detail.decode("utf-8", "replace"), "")


# ---- meta -----------------------------------------------------------------------------------------------------------


def dumps_meta(meta: Mapping[str, Any] | None) -> bytes:
    """A job's meta as bytes; nothing is `b""`.

    Raises:
        EncodeError: A value cannot be encoded.
        PayloadTooLarge: It is larger than 64 kB.
    """
    if not meta:
        return b""
    data = _dumps(dict(meta), "meta")
    if len(data) > MAX_META:
        raise PayloadTooLarge(
            f"meta takes {len(data):,} bytes and the limit is {MAX_META:,}: keep large data elsewhere"
        )
    return _VERSION + data


def add_to_meta(data: bytes, more: Mapping[str, Any]) -> bytes:
    """A job's meta with more in it. What is there is not decoded, so that nothing of it is imported.

    Args:
        data: What `dumps_meta` made of a dict whose keys are texts.
        more: Takes the place of what has the same keys.

    Raises:
        DecodeError: It is damaged.
    """
    try:
        kept: dict[str, Any] = dict(read_one(data[1:], ormsgpack.Ext)) if data else {}
    except (ValueError, TypeError) as error:
        raise DecodeError(f"damaged meta: {error}") from error
    return _VERSION + pack(kept | {name: lower(value) for name, value in more.items()})


def load_meta(data: bytes, load_class: LoadClass | None = None) -> dict[str, Any]:
    """A job's meta from its bytes; by default by the plain decoder.

    Raises:
        DecodeError: It is damaged.
    """
    if not data:
        return {}
    if data[:1] != _VERSION:
        raise DecodeError("this is no meta of winch")
    value = unpack(data[1:], load_class)
    if type(value) is not dict:
        raise DecodeError("damaged meta: no dict")
    return cast("dict[str, Any]", value)
