"""`rq.serializers`: RQ's names for winch's codecs."""

from __future__ import annotations

import json
import pickle
from typing import Any, cast

from winch.callables import import_object
from winch.options import Codec

__all__ = ["DefaultSerializer", "JSONSerializer", "PickleSerializer", "codec_of", "resolve_serializer"]


class PickleSerializer:
    """Typed MessagePack, and pickle for what that cannot hold."""

    @staticmethod
    def dumps(*args: Any, **kwargs: Any) -> bytes:
        """`pickle.dumps` with the highest protocol."""
        return pickle.dumps(*args, **{"protocol": pickle.HIGHEST_PROTOCOL, **kwargs})

    @staticmethod
    def loads(data: bytes, **kwargs: Any) -> Any:
        """`pickle.loads`."""
        return pickle.loads(data, **kwargs)  # noqa: S301 - RQ's own


DefaultSerializer = PickleSerializer


class JSONSerializer:
    """JSON."""

    @staticmethod
    def dumps(*args: Any, **kwargs: Any) -> bytes:
        """`json.dumps` as UTF-8."""
        return json.dumps(*args, **kwargs).encode()

    @staticmethod
    def loads(data: bytes, **kwargs: Any) -> Any:
        """`json.loads`."""
        return json.loads(data.decode(), **kwargs)


_ALIASES = {"json": JSONSerializer, "pickle": PickleSerializer, "default": PickleSerializer}


def resolve_serializer(serializer: Any = None) -> Any:
    """The serializer of a name, a path or an object.

    Raises:
        NotImplementedError: It has no `dumps` or no `loads`.
    """
    if serializer is None:
        return DefaultSerializer
    found = serializer
    if isinstance(serializer, str):
        found = _ALIASES.get(serializer) or import_object(serializer)
    for name in ("dumps", "loads"):
        if not callable(getattr(found, name, None)):
            raise NotImplementedError(f"Serializer should have {name!r} method.")
    return cast(Any, found)


def codec_of(serializer: Any) -> Codec | None:
    """The codec of a queue with this serializer; None is winch's own, with pickle for what it cannot hold.

    A serializer of the user's own is taken for None: what it was written for, travels that way.
    """
    return "json" if resolve_serializer(serializer) is JSONSerializer else None
