"""The segments of a record that grow, or that only some jobs have: `meta`, `extra` and `history`.

See `lua/parts/record.lua`, `meta.lua` and `extra.lua`.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, cast

from winch.states import REASONS, STATES, JobStatus
from winch.stores.contract import AttemptRecord, NewJob, NewLimit, OutcomeKind
from winch.stores.redis.keys import unpack_id

__all__ = [
    "IN_CLAIM",
    "IN_EXTRA",
    "KINDS",
    "NO_EXTRA",
    "Extra",
    "pack_extra",
    "pack_meta",
    "unpack_extra",
    "unpack_history",
    "unpack_meta",
]

KINDS: tuple[OutcomeKind, ...] = ("finished", "failed", "retry", "returned", "stopped", "repeat")
"""Of an attempt and of an outcome, by number."""

_CALLBACKS, _PARENT, _LIMITED, _GROUPED, _REPEATS = 1, 8, 32, 64, 128
IN_CLAIM = _PARENT | _GROUPED | _REPEATS
"""Features of which the segment `extra` tells what a claim has to know."""
IN_EXTRA = IN_CLAIM | _LIMITED
"""Features of which it tells what can be read."""

_ENTRY = Struct("<BI")
_LIMIT = Struct("<IIQIH")
_EACH, _LIMITS_ENTRY, _GROUP_ENTRY, _REPEATS_ENTRY, _PARENT_ENTRY = 64, 32, 33, 34, 35
_EVENT = {
    "success": STATES.index(JobStatus.FINISHED),
    "failure": STATES.index(JobStatus.FAILED),
    "stopped": STATES.index(JobStatus.STOPPED),
}
_SIZE = Struct("<I")
_ATTEMPT = Struct("<IHIHBBB")
_PROGRESS = b"\xff"
"""A segment `meta` that begins so holds the length of the progress, the progress, and then the meta."""


# ---- meta -----------------------------------------------------------------------------------------------------------


def pack_meta(meta: bytes) -> bytes:
    """The segment of a job that has reported no progress."""
    return meta if meta[:1] != _PROGRESS else _PROGRESS + b"\0" + meta


def unpack_meta(raw: bytes) -> tuple[bytes, bytes]:
    """Progress and meta."""
    if raw[:1] != _PROGRESS:
        return b"", raw
    end = 2 + raw[1]
    return raw[2:end], raw[end:]


# ---- extra: entries, each with a code and its size ------------------------------------------------------------------


class Extra(NamedTuple):
    """The parent that a callback's record carries (its id and record), how often it was repeated, group, limits."""

    parent: tuple[str, bytes] | None = None
    repeats: int = 0
    group: str = ""
    limits: tuple[NewLimit, ...] = ()


NO_EXTRA = Extra()


def pack_extra(job: NewJob) -> tuple[int, bytes]:
    """The features of a new job of which the segment tells, and the segment."""
    features = _CALLBACKS if job.callbacks else 0
    extra = b"".join(_entry(_EVENT[one.event] + _EACH * one.each, one.payload) for one in job.callbacks)
    if job.limits:
        features |= _LIMITED
        extra += _entry(_LIMITS_ENTRY, b"".join(map(_pack_limit, job.limits)))
    if job.group:
        features |= _GROUPED
        extra += _entry(_GROUP_ENTRY, job.group.encode())
    return features, extra


def unpack_extra(raw: bytes) -> Extra:
    """What a segment tells, callbacks left out: only the scripts read them."""
    parent, repeats, group, limits, at = None, 0, "", (), 0
    while at < len(raw):
        code, size = _ENTRY.unpack_from(raw, at)
        content = raw[at + _ENTRY.size : at + _ENTRY.size + size]
        at += _ENTRY.size + size
        if code == _PARENT_ENTRY:
            end = 1 + content[0]
            parent = unpack_id(content[1:end]), content[end:]
        elif code == _REPEATS_ENTRY:
            repeats = int.from_bytes(content, "little")
        elif code == _GROUP_ENTRY:
            group = content.decode()
        elif code == _LIMITS_ENTRY:
            limits = _unpack_limits(content)
    return Extra(parent, repeats, group, limits)


def _entry(code: int, content: bytes) -> bytes:
    return _ENTRY.pack(code, len(content)) + content


def _pack_limit(limit: NewLimit) -> bytes:
    key = limit.key.encode()
    return _LIMIT.pack(limit.concurrency, limit.rate, limit.per, limit.burst, len(key)) + key


def _unpack_limits(content: bytes) -> tuple[NewLimit, ...]:
    found: list[NewLimit] = []
    at = 0
    while at < len(content):
        *numbers, length = _LIMIT.unpack_from(content, at)
        at += _LIMIT.size + length
        found.append(NewLimit(content[at - length : at].decode(), *numbers))
    return tuple(found)


# ---- history --------------------------------------------------------------------------------------------------------


def unpack_history(raw: bytes) -> tuple[AttemptRecord, ...]:
    """The attempts of a job, the first one first."""
    found: list[AttemptRecord] = []
    at = 0
    while at < len(raw):
        end = at + _SIZE.size + cast("int", _SIZE.unpack_from(raw, at)[0])
        found.append(_attempt(raw[at + _SIZE.size : end]))
        at = end
    return tuple(found)


def _attempt(raw: bytes) -> AttemptRecord:
    started, started_high, ended, ended_high, kind, reason, name = _ATTEMPT.unpack_from(raw)
    detail = _ATTEMPT.size + name
    return AttemptRecord(
        started | started_high << 32,
        ended | ended_high << 32,
        KINDS[kind],
        REASONS[reason],
        raw[_ATTEMPT.size : detail].decode(errors="replace"),
        raw[detail:],
    )
