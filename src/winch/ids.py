"""Identifiers: a UUIDv7 for every job, and the ids that are derived from others."""

from __future__ import annotations

import os
import time
import uuid
from types import ModuleType

__all__ = ["callback_id", "incarnation_key", "new_id", "unique_id"]


_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_POOL = 64
_randoms: list[str] = []
"""Random hexadecimal digits for as many ids: asking the system for each would take longer than all the rest of an id."""
_last = 0, ""
"""A millisecond and its digits: in bulk many ids are of one."""


def new_id() -> str:
    """A UUIDv7 in text form (RFC 9562 section 5.7): 48 bits of time in ms, then random, so ids sort by creation."""
    global _last  # noqa: PLW0603
    try:
        random = _randoms.pop()
    except IndexError:
        random = _more()
    now = time.time_ns() // 1_000_000
    then, moment = _last
    if now != then:
        digits = f"{now:012x}"
        moment = f"{digits[:8]}-{digits[8:]}-7"
        _last = now, moment
    return f"{moment}{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:19]}"


def _more() -> str:
    digits = os.urandom(10 * _POOL).hex()
    _randoms.extend(digits[at : at + 20] for at in range(20, 20 * _POOL, 20))
    return digits[:20]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_randoms.clear)  # parent and child must not use the same


def callback_id(parent: str, event: str, created_at: int, attempts: int, place: int = 0) -> str:
    """The id of the callback job of one end of a job: the first 16 bytes of a SHA-1, so that Lua can make it too.

    Args:
        parent: The parent's id.
        event: `success`, `failure` or `stopped`.
        created_at: The parent's, which differs between two jobs that used the id one after the other.
        attempts: The parent's `attempts` when it ended, which differs between two ends of one job.
        place: Among the parent's callbacks of that event, counted from 0.
    """
    text = f"{parent}:{event}:{created_at}:{attempts}" + (f":{place}" if place else "")
    return str(uuid.UUID(bytes=_hashlib().sha1(text.encode(), usedforsecurity=False).digest()[:16]))


def incarnation_key(job: str, created_at: int, repeats: int = 0) -> str:
    """A key of one job among all that ever use its id, in the form of a UUID.

    Args:
        job: The job's id.
        created_at: The job's, which differs between two jobs that used the id one after the other.
        repeats: How often it has been repeated.
    """
    return str(uuid.UUID(bytes=_hashlib().sha256(f"{job}:{created_at}:{repeats}".encode()).digest()[:16]))


def unique_id(what: bytes) -> str:
    """The id of the one job that may be under way for something: `u-` and half of a SHA-256, so that nobody finds a clash."""
    return f"u-{_hashlib().sha256(what).hexdigest()[:32]}"


def _hashlib() -> ModuleType:
    import hashlib

    return hashlib
