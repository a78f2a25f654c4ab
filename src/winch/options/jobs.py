"""All options of one job: as users write them, checked, and the part that a worker needs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, cast, get_args

from winch.errors import InvalidOption
from winch.options.callbacks import Callback, CallbackEvent, Callbacks, callbacks_of
from winch.options.durations import Duration, milliseconds, positive, retention, time_limit
from winch.options.limits import Limit, Limits, limits_of
from winch.options.relations import Dependency, DependsOn, HasId, check_id
from winch.options.repeat import Repeat
from winch.options.retry import Retry
from winch.options.webhooks import Webhook, Webhooks, webhooks_of

__all__ = ["DEFAULT_JOB", "DEFAULT_RUN", "DEFAULT_TIMEOUT", "Codec", "JobKeywords", "JobOptions", "Kind", "RunOptions"]

Codec = Literal["msgpack", "json", "pickle"]
Kind = Literal["job", "callback", "webhook"]

DEFAULT_TIMEOUT = 180.0
"""Seconds that a job may run unless it says otherwise."""

MOST_CALLBACKS = 32
"""The most callbacks and webhooks of one job."""

_EVENTS: Mapping[CallbackEvent, str] = {"success": "on_success", "failure": "on_failure", "stopped": "on_stopped"}
_OF_RUN = ("timeout", "retry", "repeat", "description", "codec")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a worker needs to know to run a job; it is stored in the payload.

    Attributes:
        timeout: Seconds that one attempt may run, None for without end.
        retry: The retry policy, if there is one.
        kind: `callback` and `webhook` for the small jobs that these are.
        event: For both: `success`, `failure` or `stopped`; `complete` for a group's callback.
        description: The user's own; None: made of function and arguments.
        codec: How the arguments are encoded, and the result will be: `msgpack`, `json` or `pickle`.
        repeat: How often it runs again once it has finished, if it does.
        then: Paths of the functions that are called inside the attempt when the job's own has returned.
    """

    timeout: float | None = DEFAULT_TIMEOUT
    retry: Retry | None = None
    kind: Kind = "job"
    event: str = ""
    description: str | None = None
    codec: Codec = "msgpack"
    repeat: Repeat | None = None
    then: tuple[str, ...] = ()


DEFAULT_RUN = RunOptions()
"""The options of a plain call, one shared object."""


class JobKeywords(TypedDict, total=False):
    """The options of `enqueue`, `using`, `@task` and of a queue's defaults, as keywords. None is the default.

    Attributes:
        timeout: Seconds that one attempt may run: default 180, -1 is without end.
        result_ttl: Seconds that a finished job is kept: default 500, 0 is not at all, -1 without end.
        failure_ttl: Seconds that a failed, canceled or stopped job is kept: default one year, -1 without end.
        ttl: Seconds that it may wait in its queue; then it is canceled. Default: without end.
        description: Shown instead of function and arguments.
        job_id: Its id: letters, digits, `_`, `.`, `-`, at most 128. Default: a new UUIDv7.
        at_front: Join the front of its queue.
        priority: -500 to 500, higher first, default 0.
        meta: Data to keep with the job.
        retry: A number of retries, or a `Retry`.
        on_success: Runs once it has finished: a function, a `Callback`, or several in a list, as the next two.
        on_failure: Runs once it has failed for good; `Callback(f, each_attempt=True)` after each failed attempt.
        on_stopped: Runs once it was stopped.
        depends_on: Jobs to wait for.
        codec: `msgpack` (default), `json`, or `pickle` (the worker has to allow it).
        unique: `DuplicateJob` if a job like this one has not ended: True asks for `job_id`, or where there is none for
            function and arguments; a text names what must be unique.
        limits: How many jobs of a key may run at a time, or start in a span of time.
        repeat: A number of repeats once it has finished, or a `Repeat`.
        webhooks: Addresses that are told of its end.
        group: The group that it joins, or its name (`using` only).
    """

    timeout: Duration | None
    result_ttl: Duration | None
    failure_ttl: Duration | None
    ttl: Duration | None
    description: str | None
    job_id: str | None
    at_front: bool | None
    priority: int | None
    meta: Mapping[str, Any] | None
    retry: Retry | int | None
    on_success: Callbacks | None
    on_failure: Callbacks | None
    on_stopped: Callbacks | None
    depends_on: DependsOn | None
    codec: Codec | None
    unique: bool | str | None
    limits: Limits | None
    repeat: Repeat | int | None
    webhooks: Webhooks | None
    group: HasId | str | None


@dataclass(frozen=True, slots=True, eq=False)
class JobOptions:
    """Everything that can be asked of a job at enqueue, checked. Hashed by identity: what is made of it is kept by it.

    Attributes:
        run: The part that travels in the payload.
        result_ttl: Milliseconds, -1 is without end.
        failure_ttl: Milliseconds, -1 is without end.
        ttl: Milliseconds, 0 is without end.
        job_id: None: a new one.
        at_front: Join the front.
        priority: -500 to 500.
        meta: Data to keep with the job.
        depends: Jobs to wait for.
        callbacks: In the order in which they run.
        unique: See `JobKeywords`; False is not.
        limits: At most eight.
        webhooks: With the callbacks at most 32.
        group: The id of its group, None for none.
        given: The keywords this was made of, for the next one in the chain of defaults.
    """

    run: RunOptions = DEFAULT_RUN
    result_ttl: int = 500_000
    failure_ttl: int = 31_536_000_000
    ttl: int = 0
    job_id: str | None = None
    at_front: bool = False
    priority: int = 0
    meta: Mapping[str, Any] | None = None
    depends: Dependency | None = None
    callbacks: tuple[tuple[CallbackEvent, Callback], ...] = ()
    unique: bool | str = False
    limits: tuple[Limit, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    group: str | None = None
    given: JobKeywords = field(default_factory=JobKeywords, repr=False)

    @classmethod
    def of(cls, keywords: JobKeywords) -> JobOptions:
        """Check the keywords of a call; None stands for the default.

        Raises:
            InvalidOption: A value is of the wrong kind or out of range, or there is no such option.
        """
        given: dict[str, Any] = {name: value for name, value in keywords.items() if value is not None}
        if not given:
            return DEFAULT_JOB
        _check_together(given)
        values: dict[str, Any] = {name: _CHECKS[name](value) for name, value in given.items() if name in _CHECKS}
        run = _run_options({name: values.pop(name) for name in _OF_RUN if name in values})
        callbacks = _callbacks(given)
        if len(callbacks) + len(values.get("webhooks", ())) > MOST_CALLBACKS:
            raise InvalidOption(f"a job has at most {MOST_CALLBACKS} callbacks and webhooks: let one of them do more")
        depends = Dependency.of(given.get("depends_on"))
        return cls(run=run, depends=depends, callbacks=callbacks, given=cast(JobKeywords, given), **values)

    def override(self, keywords: JobKeywords) -> JobOptions:
        """These options with others on top; None leaves one as it is.

        Raises:
            InvalidOption: As `of`.
        """
        more = {name: value for name, value in keywords.items() if value is not None}
        return JobOptions.of(cast(JobKeywords, {**self.given, **more})) if more else self


def _check_together(given: Mapping[str, Any]) -> None:
    """That these options exist and go together."""
    if given.get("job_id") and isinstance(given.get("unique"), str):
        raise InvalidOption("job_id and unique='...' both make the id: give one of them (unique=True goes with job_id)")
    if unknown := given.keys() - JobKeywords.__annotations__.keys():
        raise InvalidOption(_unknown(unknown))


def _run_options(given: Mapping[str, Any]) -> RunOptions:
    """The shared object where they are the defaults: it is not written into the payload."""
    run = RunOptions(**given) if given else DEFAULT_RUN
    return DEFAULT_RUN if run == DEFAULT_RUN else run


def _callbacks(given: Mapping[str, Any]) -> tuple[tuple[CallbackEvent, Callback], ...]:
    return tuple(
        (event, one) for event, name in _EVENTS.items() if name in given for one in callbacks_of(given[name], event)
    )


def _unknown(names: Iterable[str]) -> str:
    return f"no such option: {', '.join(f'{name}{_hint(name)}' for name in sorted(names))}"


def _hint(name: str) -> str:
    if name in ("job_timeout", "default_timeout"):
        return " (here it is called timeout)"
    near = difflib.get_close_matches(name, JobKeywords.__annotations__, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _priority(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -500 <= value <= 500:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"priority={value!r}: a whole number from -500 (last) to 500 (first)")
    return value


def _description(value: str) -> str:
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"description={value!r}: give a text")
    return value[:2_000]


def _meta(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidOption(f"meta={value!r}: give a dict")
    return cast("Mapping[str, Any]", value)


def _codec(value: str) -> str:
    if value not in get_args(Codec):
        raise InvalidOption(f'codec={value!r}: it is "msgpack", "json" or "pickle"')
    return value


def _unique(value: bool | str) -> bool | str:
    if not isinstance(value, bool | str) or value == "":  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"unique={value!r}: give True, or a text that names what must be unique")
    return value


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "timeout": lambda value: time_limit(value, "timeout"),
    "result_ttl": lambda value: retention(value, "result_ttl"),
    "failure_ttl": lambda value: retention(value, "failure_ttl"),
    "ttl": lambda value: milliseconds(positive(value, "ttl", " (leave it out to wait without end)")),
    "description": _description,
    "job_id": check_id,
    "at_front": bool,
    "priority": _priority,
    "meta": _meta,
    "retry": Retry.of,
    "codec": _codec,
    "unique": _unique,
    "limits": limits_of,
    "repeat": Repeat.of,
    "webhooks": webhooks_of,
    "group": lambda value: check_id(getattr(value, "id", value), "group"),
}

DEFAULT_JOB = JobOptions()
"""The options of a plain call, one shared object."""
