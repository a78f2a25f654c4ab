"""A job for people: as a call, and as the reason why there is no result."""

from __future__ import annotations

import re
import shlex

from winch.codec import CallData, ErrorInfo, load_error
from winch.errors import JobCanceled, JobFailed, JobStopped, ResultError
from winch.states import JobStatus
from winch.stores.contract import JobRecord, Store

__all__ = ["describe_call", "last_error", "no_result", "printable", "why_no_result_yet"]

_PASSWORD = re.compile(r"(://[^/@]*:)[^/@]*@|(password=)[^&]*")

CUT = 75
"""Characters of one argument."""


def describe_call(call: CallData) -> str:
    """A call as in Python, `pkg.f(1, x='a')`, each argument cut."""
    if call.run.description is not None:
        return call.run.description
    args = [_cut(value) for value in call.args]
    kwargs = [f"{name}={_cut(value)}" for name, value in call.kwargs.items()]
    return f"{call.function}({', '.join([*args, *kwargs])})"


def _cut(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # an integer of more than 4,300 digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= CUT else f"{text[: CUT - 3]}..."


def printable(text: str, keep: str = "") -> str:
    """A text as it can be shown: what a job or its payload says does not talk to a terminal.

    Args:
        text: What was said.
        keep: Characters that stay, though they are not printable: a line end, where there may be several lines.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def last_error(record: JobRecord) -> ErrorInfo | None:
    """The error of the latest attempt that had one."""
    for attempt in reversed(record.history):
        if attempt.detail:
            return load_error(attempt.detail)
    return None


def no_result(record: JobRecord) -> ResultError:
    """The error that tells how a job ended, for one that did not finish."""
    name = f"job {record.id}"
    if record.state is JobStatus.CANCELED:
        why = {"dependency": ": a job it depends on did not finish", "expired": ": its ttl ran out in the queue"}
        return JobCanceled(f"{name} was canceled{why.get(record.reason, '')}")
    if record.state is JobStatus.STOPPED:
        return JobStopped(f"{name} was stopped while it ran")
    info = last_error(record) or ErrorInfo(record.reason or "unknown", (), "", "")
    return JobFailed(info.type_name, info.mro, info.message, info.traceback, record.attempts, record.reason)


def why_no_result_yet(store: Store, record: JobRecord, timeout: float) -> str:
    """The text of `ResultTimeout`: state, store, queue, and who listens to it."""
    workers = [worker for worker in store.workers() if worker.alive and record.queue in worker.info.queues]
    text = (
        f"no result of job {record.id} within {timeout:g} s: "
        f"it is {record.state} in queue {record.queue!r} of {store.place}, which {_listeners(len(workers))}"
    )
    if workers:
        return text
    if store.url == "sqlite://":
        return f"{text}. No other process can: a store in memory belongs to this one"
    return (
        f"{text}. Start one in the folder of your code: winch worker {record.queue} --url {shlex.quote(_shown(store))}"
    )


def _shown(store: Store) -> str:
    """The address for a command line, without its password: a worker's own settings have that."""
    return _PASSWORD.sub(lambda found: f"{found[1]}***@" if found[1] else f"{found[2]}***", store.url)


def _listeners(number: int) -> str:
    match number:
        case 0:
            return "no live worker listens to"
        case 1:
            return "1 live worker listens to"
        case _:
            return f"{number} live workers listen to"
