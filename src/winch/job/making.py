"""A call that is to become a job: checked, named, encoded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from functools import cache, lru_cache
from typing import Any, NamedTuple, TypeAlias

from winch.bounded import make_room
from winch.callables import path_of
from winch.codec import dumps_call, dumps_meta, pickle_permitted
from winch.ids import new_id, unique_id
from winch.job.callbacks import new_callbacks
from winch.job.connecting import local_admission
from winch.options import JobOptions, RunOptions, check_args
from winch.stores.contract import NewJob, NewLimit

__all__ = ["Function", "functions_of", "new_job"]

Function: TypeAlias = "Callable[..., Any] | str"
"""A function or its path."""

_FIRST_SHARED = NewJob._fields.index("priority")
_logger = logging.getLogger("winch")
_judged: set[str] = set()


def new_job(
    queue: str,
    f: Callable[..., Any] | str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    options: JobOptions,
    delay: int = 0,
) -> NewJob:
    """A call as the store takes it.

    Args:
        queue: Its name.
        f: The function or its path.
        args: Positional arguments.
        kwargs: Keyword arguments.
        options: Checked.
        delay: Milliseconds.

    Raises:
        EnqueueError: It cannot be a job.
        InvalidOption: The positional arguments are a text or a dict.
    """
    path = path_of(f)
    if not isinstance(args, tuple):
        check_args(args)
    if path not in _judged:
        _judge(path, f)
    if options.run.codec == "pickle":
        _judge_pickle()
    shared = _shared(options)
    return NewJob(
        _id(path, args, kwargs, options) if options.unique else options.job_id or new_id(),
        queue,
        dumps_call(path, args, kwargs, shared.run, shared.parents),
        delay,
        dumps_meta(options.meta) if options.meta else b"",
        *shared.fields,
    )


def functions_of(f: Function, options: JobOptions) -> tuple[Function, ...]:
    """What a job calls in the end: its function, and its callbacks'."""
    return (f, *(callback.func for _, callback in options.callbacks)) if options.callbacks else (f,)


class _Shared(NamedTuple):
    """What has to be made of a job's options, and is the same for all jobs that are given these.

    Attributes:
        run: For its payload.
        parents: The same.
        fields: Of `NewJob`, from `priority` on.
    """

    run: RunOptions
    parents: tuple[str, ...]
    fields: tuple[Any, ...]


@lru_cache(maxsize=16)
def _shared(options: JobOptions) -> _Shared:
    """Made once for all jobs of an `enqueue_many`, or of a queue with defaults."""
    depends = options.depends
    new = NewJob(
        id="",
        queue="",
        payload=b"",
        priority=options.priority,
        at_front=options.at_front or (depends is not None and depends.enqueue_at_front),
        ttl=options.ttl,
        result_ttl=options.result_ttl,
        failure_ttl=options.failure_ttl,
        parents=depends.ids if depends else (),
        on_failure=depends.on_failure if depends else "cancel",
        callbacks=new_callbacks(options) if options.callbacks or options.webhooks else (),
        limits=tuple(NewLimit(*astuple(limit)) for limit in options.limits) if options.limits else (),
        group=options.group or "",
    )
    return _Shared(_run_of(options) if options.callbacks else options.run, new.parents, new[_FIRST_SHARED:])


def _run_of(options: JobOptions) -> RunOptions:
    """What a worker needs to know, with the functions that it calls inside the attempt."""
    then = tuple(path_of(callback.func) for _, callback in options.callbacks if callback.in_attempt)
    return replace(options.run, then=then) if then else options.run


def _id(path: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: JobOptions) -> str:
    """The id that makes a job unique: it is in use until the job has ended."""
    if isinstance(options.unique, str):
        return unique_id(options.unique.encode())
    if options.job_id:
        return options.job_id
    in_order = {name: kwargs[name] for name in sorted(kwargs)}
    return unique_id(dumps_call(path, args, in_order, RunOptions(codec=options.run.codec)))


def _judge(path: str, f: Callable[..., Any] | str) -> None:
    """Warn, once per function, of one that a worker would refuse."""
    make_room(_judged)
    _judged.add(path)
    advice = local_admission().advice(path, None if isinstance(f, str) else f)
    if advice:
        _logger.warning("a worker with this project's settings would refuse this job: %s", advice)


@cache
def _judge_pickle() -> None:
    """Warn, once, of pickled arguments that a worker would refuse."""
    local_admission()  # has read the settings
    if not pickle_permitted():
        _logger.warning(
            "a worker with this project's settings would refuse pickled arguments: start it with WINCH_PICKLE=1 in its "
            "environment, if you trust everybody who can write to the store. To read pickled results set it here, too"
        )
