"""What an entry enqueues: a job without an id, as bytes that every supervisor can make jobs of without the user's code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import ormsgpack

from winch import codec
from winch.errors import DecodeError
from winch.ids import new_id
from winch.stores.contract import NewCallback, NewJob, NewLimit

__all__ = ["META_KEY", "job_of", "pack_template", "unpack_template"]

META_KEY = "cron"
"""In the meta of each job that an entry has enqueued: `{"name": ..., "slot": ...}`."""

_PARTS: Mapping[str, Callable[[Any], Any]] = {
    "parents": tuple,
    "callbacks": lambda found: tuple(NewCallback(**each) for each in found),
    "limits": lambda found: tuple(NewLimit(**each) for each in found),
}
"""Fields of a job that are more than a text, a number or bytes, and how they are read."""


def pack_template(job: NewJob) -> bytes:
    """A job as a template: the same bytes for equal jobs.

    Args:
        job: Its id is `""` if each job is to have one of its own.
    """
    # Only what is not as by default: a new field of winch does not change old templates.
    defaults = job._field_defaults
    given = {name: value for name, value in job._asdict().items() if name not in defaults or value != defaults[name]}
    for name in given.keys() & {"callbacks", "limits"}:
        given[name] = [asdict(each) if isinstance(each, NewCallback) else each._asdict() for each in given[name]]
    return ormsgpack.packb(given)


def unpack_template(data: bytes) -> NewJob:
    """The job that `pack_template` packed.

    Raises:
        DecodeError: It is damaged, or written by a newer winch.
    """
    try:
        given: dict[str, Any] = dict(ormsgpack.unpackb(data))
        return NewJob(**{name: _PARTS.get(name, lambda found: found)(value) for name, value in given.items()})
    except (ValueError, TypeError) as error:
        raise DecodeError(f"its job cannot be read, or needs a newer winch: {error}") from error


def job_of(template: NewJob, name: str, slot: datetime | None) -> NewJob:
    """The job of a slot. It knows in its meta what it is of.

    Args:
        template: What `unpack_template` returned.
        name: The entry's.
        slot: The time that it is for; None for one that somebody asked for.
    """
    meta = codec.add_to_meta(template.meta, {META_KEY: {"name": name, "slot": slot}})
    return template._replace(id=template.id or new_id(), meta=meta)
