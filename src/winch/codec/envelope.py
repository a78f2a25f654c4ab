"""A call as bytes: function, arguments, and what a worker needs to know."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple, cast, get_args

from winch.bounded import make_room
from winch.callables import MAX_PATH
from winch.codec.tags import read_one, read_two
from winch.codec.values import LoadClass, Unfit, lower, pack, unpack
from winch.errors import DecodeError, EncodeError, NewerPayload, PayloadTooLarge
from winch.options import DEFAULT_RUN, CallbackEvent, Codec, Kind, Repeat, Retry, RunOptions
from winch.options.durations import positive

__all__ = [
    "MAX_PAYLOAD",
    "MAX_RESULT",
    "VERSION",
    "CallData",
    "dumps_call",
    "dumps_json",
    "dumps_pickle",
    "head",
    "load_call",
    "load_pickle",
    "permit_pickle",
    "pickle_permitted",
]

VERSION = 1
MAX_PAYLOAD = 1_000_000
"""Bytes."""
MAX_RESULT = 1_000_000
WARN_PAYLOAD = 64_000

_VERSION = bytes([VERSION])
_LARGE = 4_096
_THREE, _FOUR, _BYTES = b"\x93", b"\x94", Struct(">BI")  # of MessagePack: arrays, bytes with a length of four bytes
_logger = logging.getLogger("winch")
_warned: set[str] = set()
_state = {"pickle": False}
_WORDS: Mapping[str, tuple[str, ...]] = {
    "kind": get_args(Kind),
    "event": ("", *get_args(CallbackEvent), "complete"),
    "codec": get_args(Codec),
}
"""Options that are one of a few words."""


class CallData(NamedTuple):
    """A decoded call."""

    function: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    run: RunOptions
    parents: tuple[str, ...] = ()


class _Text(str):
    """A text that stands for something else, and is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def permit_pickle(allowed: bool = True) -> None:
    """Let this process load pickled arguments and results. They run code of whoever wrote them."""
    _state["pickle"] = allowed


def pickle_permitted() -> bool:
    """Whether this process may load pickled arguments and results."""
    return _state["pickle"]


# ---- out ------------------------------------------------------------------------------------------------------------


def dumps_call(
    function: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    run: RunOptions = DEFAULT_RUN,
    parents: Sequence[str] = (),
) -> bytes:
    """A call as bytes.

    Args:
        function: Its import path.
        args: Positional arguments.
        kwargs: Keyword arguments.
        run: What a worker needs to know.
        parents: Ids of the jobs that it waits for. They do not count against the limit.

    Raises:
        EncodeError: An argument cannot be encoded; names it, its type, and what to do.
        PayloadTooLarge: It is larger than 1 MB.
    """
    if run is DEFAULT_RUN or run.codec == "msgpack":
        body = _dumps_arguments(function, args, kwargs)
    elif run.codec == "json":
        body = dumps_json([list(args), dict(kwargs)], f"the arguments of {function}")
    else:
        body = dumps_pickle((tuple(args), dict(kwargs)), f"the arguments of {function}")
    options = None if run is DEFAULT_RUN else _dumps_run(run)
    if len(body) < _LARGE:
        payload = _VERSION + pack([function, options, body, list(parents)] if parents else [function, options, body])
    else:
        payload = _with_large(body, function, options, parents)
    if len(payload) > WARN_PAYLOAD:
        _check_size(function, len(payload) - sum(map(len, parents)))
    return payload


def _with_large(body: bytes, function: str, options: bytes | None, parents: Sequence[str]) -> bytes:
    """The same bytes put together here: the packer lets its buffer grow, and copies a large body several times."""
    head = (_FOUR if parents else _THREE) + pack([function, options])[1:]
    return b"".join((_VERSION, head, _BYTES.pack(0xC6, len(body)), body, pack(list(parents)) if parents else b""))


def _dumps_arguments(function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    try:
        return pack([lower(list(args)), lower(dict(kwargs)) if kwargs else None])
    except Unfit as unfit:
        raise EncodeError(_explain(unfit, function)) from unfit.__cause__
    except (EncodeError, RecursionError) as error:
        raise EncodeError(f"an argument of {function} cannot be encoded: {error}") from error


def _explain(unfit: Unfit, function: str) -> str:
    """The sentence about an argument that cannot be encoded. The trail ends with which: `[1]` or `['user']`."""
    which = unfit.trail.pop()[1:-1] if unfit.trail else "?"
    name = f"{int(which) + 1}" if which.isdigit() else which.strip("'")
    return unfit.sentence(f"argument {name} of {function}")


def dumps_json(value: Any, what: str) -> bytes:
    """JSON, if it comes back equal.

    Raises:
        EncodeError: It does not.
    """
    try:
        data = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
        same = json.loads(data) == value
    except (TypeError, ValueError, RecursionError) as error:
        raise EncodeError(f'{what} cannot be written as JSON: {error}. Leave out codec="json"') from error
    if not same:
        raise EncodeError(
            f"{what} would come back from JSON as something else (a tuple as a list, a number key as text). "
            'Convert it, or leave out codec="json"'
        )
    return data


def dumps_pickle(value: Any, what: str) -> bytes:
    """Pickle.

    Raises:
        EncodeError: It cannot be pickled.
    """
    import pickle

    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise EncodeError(f"{what} cannot be pickled: {error}") from error


def _check_size(function: str, size: int) -> None:
    if size > MAX_PAYLOAD:
        raise PayloadTooLarge(
            f"the call of {function} takes {size:,} bytes and the limit is {MAX_PAYLOAD:,}: "
            "put the data in a file, a database or a cache and pass its name"
        )
    if size > WARN_PAYLOAD and function not in _warned:
        make_room(_warned)
        _warned.add(function)
        _logger.warning(
            "the call of %s takes %s bytes. Large arguments cost memory and time in the store: pass a name instead",
            function,
            f"{size:,}",
        )


@lru_cache(maxsize=1024)
def _dumps_run(run: RunOptions) -> bytes | None:
    given: dict[str, Any] = {}
    for name in ("timeout", "kind", "event", "description", "codec"):
        value = getattr(run, name)
        if value != getattr(DEFAULT_RUN, name):
            given[name] = value
    if retry := run.retry:
        on = None if retry.on is None else list(retry.on)
        given["retry"] = [retry.max, list(retry.intervals), on, list(retry.never), retry.jitter, retry.at_front]
    if repeat := run.repeat:
        given["repeat"] = [repeat.times, list(repeat.intervals)]
    if run.then:
        given["then"] = list(run.then)
    return pack(given) if given else None


# ---- back -----------------------------------------------------------------------------------------------------------


def load_call(payload: bytes, load_class: LoadClass) -> CallData:
    """A call from its bytes, by the typed decoder.

    Args:
        payload: What `dumps_call` made.
        load_class: Decides what class may be loaded, and imports it.

    Raises:
        NewerPayload: A newer winch wrote it.
        DecodeError: It is damaged, names a class that may not be loaded, or is pickled and that is not permitted.
    """
    function, run, body, parents = _open(payload)
    args, kwargs = _load_arguments(body, run, load_class)
    return CallData(function, args, kwargs, run, parents)


def head(payload: bytes) -> CallData:
    """A call from its bytes, by the plain decoder: nothing is imported, and arguments that cannot be read are a text.

    Raises:
        NewerPayload: A newer winch wrote it.
        DecodeError: Function and options cannot be read.
    """
    function, run, body, parents = _open(payload)
    if run.codec == "pickle":
        return CallData(function, (_Text(f"<{len(body):,} pickled bytes>"),), {}, run, parents)
    try:
        args, kwargs = _load_arguments(body, run, None)
    except DecodeError as error:
        return CallData(function, (_Text(f"<{len(body):,} bytes that cannot be read: {error}>"),), {}, run, parents)
    return CallData(function, args, kwargs, run, parents)


def _open(payload: bytes) -> tuple[str, RunOptions, bytes, tuple[str, ...]]:
    if payload[:1] != _VERSION:
        if payload and payload[0] > VERSION and payload[0] < 0x20:
            raise NewerPayload(f"version {payload[0]} of the payload, this winch reads {VERSION}: update it")
        raise DecodeError("this is no payload of winch")
    try:
        _, call = read_two(payload)  # the version is one, too
        function, run, body, *more = call
        parents = tuple(more[0]) if more else ()
    except (ValueError, TypeError) as error:
        raise DecodeError(f"damaged payload: {error}") from error
    if type(function) is not str or type(body) is not bytes or type(run) not in (bytes, type(None)):
        raise DecodeError("damaged payload: no function, no arguments or no options")
    if len(function) > MAX_PATH:  # a worker remembers names, and the metrics keep them for weeks
        raise DecodeError(
            f"damaged payload: the path of a function has at most {MAX_PATH} characters, not {len(function):,}"
        )
    return function, DEFAULT_RUN if run is None else _options(run), body, parents


def _options(data: bytes) -> RunOptions:
    return _load_run(data) if len(data) < _LARGE else _load_run.__wrapped__(data)


@lru_cache(maxsize=1024)
def _load_run(data: bytes) -> RunOptions:
    try:
        given: dict[str, Any] = dict(read_one(data))
        if unknown := given.keys() - RunOptions.__dataclass_fields__.keys():
            raise NewerPayload(f"the payload has options that this winch does not know: {', '.join(sorted(unknown))}")
        for name, known in _WORDS.items():
            if given.get(name, known[0]) not in known:
                raise NewerPayload(f"the payload has {name}={given[name]!r}, which this winch does not know")
        if given.get("timeout") is not None:
            given["timeout"] = positive(given["timeout"], "timeout")
        if given.get("retry") is not None:
            most, intervals, on, never, jitter, at_front = given["retry"]
            given["retry"] = Retry(most, intervals, on=on, never=never, jitter=jitter, at_front=at_front)
        if given.get("repeat") is not None:
            given["repeat"] = Repeat(*given["repeat"])
        if given.get("then") is not None:
            given["then"] = tuple(map(str, given["then"]))
        if not isinstance(given.get("description"), str | None):
            raise TypeError("the description is no text")
        return RunOptions(**given)
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(f"damaged options: {error}") from error


def _load_arguments(
    body: bytes, run: RunOptions, load_class: LoadClass | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if run is DEFAULT_RUN or run.codec == "msgpack":
        value = unpack(body, load_class)
    elif run.codec == "json":
        value = load_json(body)
    else:
        value = load_pickle(body)
    try:
        args, kwargs = value
        return (tuple(args), _keywords(kwargs)) if kwargs else (tuple(args), {})
    except (TypeError, ValueError) as error:
        raise DecodeError(f"damaged arguments: {error}") from error


def _keywords(kwargs: Any) -> dict[str, Any]:
    if type(kwargs) is not dict:
        raise ValueError("keyword arguments are no dict")
    return cast("dict[str, Any]", kwargs)


def load_json(data: bytes) -> Any:
    """A value from JSON.

    Raises:
        DecodeError: It is none.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"damaged JSON: {error}") from error


def load_pickle(data: bytes) -> Any:
    """A value from pickle.

    Raises:
        DecodeError: It is damaged, or this process was not permitted to.
    """
    if not _state["pickle"]:
        raise DecodeError(
            "it is pickled, and loading that runs code of whoever wrote it. "
            "If you trust everybody who can write to the store: WINCH_PICKLE=1 for the worker, and for who reads its results"
        )
    import pickle

    try:
        return pickle.loads(data)  # noqa: S301 - permitted by the user
    except Exception as error:
        raise DecodeError(f"it cannot be unpickled: {type(error).__name__}: {error}") from error
