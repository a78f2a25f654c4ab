"""The names of keys, and ids as bytes. Scripts build their keys from the prefix in the same way."""

from __future__ import annotations

import re
from struct import Struct

__all__ = [
    "complete_channel",
    "ended_channel",
    "hint_key",
    "marker_key",
    "pack_id",
    "prefix",
    "record_key",
    "unpack_id",
]

_is_uuid = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_uuid_parts = Struct("8s4s4s4s12s").unpack


def prefix(namespace: str) -> bytes:
    """What all keys of a namespace begin with; the braces put them into one slot of a cluster."""
    return b"{%s}:" % namespace.encode()


def marker_key(prefix: bytes, queue: str) -> bytes:
    """The list on which executors wait for work in a queue."""
    return prefix + b"marker:" + queue.encode()


def record_key(prefix: bytes, id: bytes) -> bytes:
    """A job's record; the id is packed."""
    return prefix + b"j:" + id


def hint_key(prefix: bytes, worker: str) -> bytes:
    """The list on which a supervisor waits."""
    return prefix + b"hint:" + worker.encode()


def ended_channel(prefix: bytes, id: bytes) -> bytes:
    """Where the end of a job is published if somebody waits for it."""
    return prefix + b"ended:" + id


def complete_channel(prefix: bytes, group: str) -> bytes:
    """Where the completion of a group is published, and that it was deleted."""
    return prefix + b"complete:" + group.encode()


def pack_id(id: str) -> bytes:
    """A canonical UUID as its 16 bytes; any other id behind `~`, or `~~` where that would make 16 bytes.

    An id of 16 bytes that begins with `~` would look like the latter: it stands behind `!`.
    """
    if len(id) == 36 and _is_uuid(id):
        return bytes.fromhex(id.replace("-", ""))
    raw = b"~" + id.encode(errors="surrogatepass")
    if len(raw) == 16:
        return b"~" + raw
    return b"!" + raw[1:] if len(raw) == 17 and raw.startswith(b"~~") else raw


def unpack_id(raw: bytes) -> str:
    """The id that `pack_id` packed."""
    if len(raw) != 16:
        return raw[2 if len(raw) == 17 and raw.startswith(b"~~") else 1 :].decode(errors="surrogatepass")
    return b"-".join(_uuid_parts(raw.hex().encode())).decode()
