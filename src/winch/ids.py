"""Identifiers: a UUIDv7 for every job, and the ids that are derived from others."""

from __future__ import annotations

import hashlib
import os
import time
import uuid

__all__ = ["callback_id", "new_id"]


def new_id() -> str:
    """A UUIDv7 in text form (RFC 9562 section 5.7): 48 bits of time in ms, then random, so ids sort by creation."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


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
    digest = hashlib.sha1(text.encode(), usedforsecurity=False)
    return str(uuid.UUID(bytes=digest.digest()[:16]))
