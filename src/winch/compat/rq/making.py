"""A call as the store takes it, whatever its arguments are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from winch.callables import path_of
from winch.compat.rq.calling import call_method, split_method
from winch.compat.rq.utils import get_call_string
from winch.errors import DuplicateGroup, EncodeError
from winch.group import Group
from winch.job.making import new_job
from winch.options import JobKeywords, JobOptions
from winch.stores.contract import NewJob, Store

__all__ = ["ensure_group", "make"]

CUT = 75
"""Characters of one argument in a description."""


def make(
    queue: str,
    f: Callable[..., Any] | str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    options: JobOptions,
    delay: int = 0,
) -> NewJob:
    """`new_job`, with pickle for arguments that MessagePack cannot hold.

    A pickle cannot be shown without being loaded, so such a job is described here.

    Raises:
        EnqueueError: It cannot be a job.
    """
    if options.run.codec == "json":
        args, kwargs = _as_json(path_of(f), args, kwargs)
    if options.run.codec == "msgpack":
        try:
            return new_job(queue, f, args, kwargs, options, delay)
        except EncodeError:
            options = options.override(_pickled(f, args, kwargs, options))
    return new_job(queue, f, args, kwargs, options, delay)


def _as_json(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Arguments as they will come back: tuples as lists, keys as texts."""
    try:
        return json.loads(json.dumps([args, kwargs]))
    except (TypeError, ValueError) as error:
        raise EncodeError(f"the arguments of {name} cannot be written as JSON: {error}") from error


def ensure_group(store: Store, name: str) -> None:
    """See to it that there is a group of this name: RQ's are sets of ids that need not be made."""
    if store.get_groups([name])[0] is None:
        with suppress(DuplicateGroup):  # somebody was quicker
            Group.create(store, name)


def _pickled(
    f: Callable[..., Any] | str, args: Sequence[Any], kwargs: Mapping[str, Any], options: JobOptions
) -> JobKeywords:
    name, shown = path_of(f), args
    if f is call_method:
        _, name, shown = split_method(args)
    described = options.run.description or get_call_string(name, shown, kwargs, CUT)
    return cast(JobKeywords, {"codec": "pickle", "description": described})
