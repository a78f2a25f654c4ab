"""A call that is to become a job: checked, named, encoded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import astuple
from functools import cache
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast, overload

from winch.callables import parameters, path_of
from winch.callables.paths import unwrap_task
from winch.codec import dumps_call, dumps_meta, pickle_permitted
from winch.errors import AmbiguousOption
from winch.ids import new_id
from winch.job.connecting import local_admission
from winch.options import JobKeywords, JobOptions
from winch.queue.callbacks import new_callbacks
from winch.stores.contract import NewJob, NewLimit

__all__ = ["NO_OPTIONS", "Call", "call", "new_job", "split_options"]

P = ParamSpec("P")
R = TypeVar("R")

NO_OPTIONS: Final[JobKeywords] = JobKeywords()
_OPTIONS = (JobKeywords.__annotations__.keys() - {"timeout", "group"}) | {"job_timeout", "args", "kwargs"}
_logger = logging.getLogger("winch")
_judged: set[str] = set()


class Call(Generic[R]):
    """A call for `enqueue_many`; `R` is what it returns.

    Attributes:
        function: The function or its import path.
        args: Positional arguments.
        kwargs: Keyword arguments.
        options: Options of this job.
    """

    __slots__ = ("args", "function", "kwargs", "options")

    def __init__(
        self,
        function: Callable[..., Any] | str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: JobKeywords = NO_OPTIONS,
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs or {}
        self.options = options

    def __repr__(self) -> str:
        return f"Call({self.function!r}, {self.args!r}, {dict(self.kwargs)!r})"


@overload
def call(f: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...
@overload
def call(f: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...
@overload
def call(f: str, /, *args: Any, **kwargs: Any) -> Call[Any]: ...
def call(f: Any, /, *args: Any, **kwargs: Any) -> Call[Any]:
    """A call for `enqueue_many`: `queue.enqueue_many(call(send, user) for user in users)`."""
    return Call(f, args, kwargs)


def split_options(
    f: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any], way: str = "enqueue"
) -> tuple[Sequence[Any], Mapping[str, Any], JobKeywords]:
    """Arguments, keyword arguments and options of a call whose keywords hold both.

    Raises:
        AmbiguousOption: A keyword is an option and a parameter of the function.
    """
    given = kwargs.keys() & _OPTIONS
    if not given:
        return args, kwargs, NO_OPTIONS
    if callable(f) and (both := sorted(given & parameters(unwrap_task(f)))):
        raise AmbiguousOption(_ambiguous(f, both[0], kwargs[both[0]], way))
    options = {name: kwargs.pop(name) for name in given}
    if "job_timeout" in options:
        options["timeout"] = options.pop("job_timeout")
    call_args, call_kwargs = options.pop("args", None), options.pop("kwargs", None)
    return (
        args if call_args is None else (*args, *call_args),
        kwargs if call_kwargs is None else {**kwargs, **call_kwargs},
        cast(JobKeywords, options),
    )


def _ambiguous(f: Callable[..., Any], name: str, value: object, way: str) -> str:
    function = getattr(f, "__name__", repr(f))
    text = f"{value!r:.40}"
    option = "timeout" if name == "job_timeout" else name
    as_option = "" if name in ("args", "kwargs") else f"{option}={text}"
    return (
        f"{name!r} is an option of {way}() and a parameter of {function}(). "
        f"For the option: queue.using({as_option}).{way}({function}, ...). "
        f"For the parameter: queue.using().{way}({function}, {name}={text})"
    )


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
    """
    path = path_of(f)
    if path not in _judged:
        _judge(path, f)
    if options.run.codec == "pickle":
        _judge_pickle()
    depends = options.depends
    return NewJob(
        id=options.job_id or new_id(),
        queue=queue,
        payload=dumps_call(path, args, kwargs, options.run),
        priority=options.priority,
        at_front=options.at_front or (depends is not None and depends.enqueue_at_front),
        delay=delay,
        ttl=options.ttl,
        result_ttl=options.result_ttl,
        failure_ttl=options.failure_ttl,
        meta=dumps_meta(options.meta) if options.meta else b"",
        parents=depends.ids if depends else (),
        on_failure=depends.on_failure if depends else "cancel",
        callbacks=new_callbacks(options) if options.callbacks or options.webhooks else (),
        limits=tuple(NewLimit(*astuple(limit)) for limit in options.limits) if options.limits else (),
        group=options.group or "",
    )


def _judge(path: str, f: Callable[..., Any] | str) -> None:
    """Warn, once per function, of one that a worker would refuse."""
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
