"""What a callback is called with."""

from __future__ import annotations

from typing import Any

from winch import codec
from winch.errors import JobFailed
from winch.group import Group
from winch.job import Job
from winch.running.showing import showing
from winch.stores.contract import Claim, JobRecord, Store

__all__ = ["callback_arguments"]


def callback_arguments(
    store: Store, claim: Claim, call: codec.CallData, load_class: codec.LoadClass
) -> tuple[Any, ...]:
    """The arguments of a job that is a callback or a webhook.

    A callback's are RQ's: (job, connection), and the result, or the exception's type, value and traceback. A webhook's are
    the job, what it did, and what stands in the call. That of a group's completion: (group, connection).

    Raises:
        DecodeError: The result cannot be read.
    """
    shown = showing()
    connection = shown.connection(store)
    if call.run.event == "complete":
        return (Group(store, *call.args), connection)
    if claim.parent is None:
        return (shown.job(Job[Any].from_claim(store, claim)), connection)
    job: Job[Any] = Job.from_record(store, claim.parent)
    if call.run.kind == "webhook":
        return (job, call.run.event, *call.args)
    if call.run.event == "success":
        return (shown.job(job), connection, codec.load_result(claim.parent.result, load_class))
    if call.run.event == "stopped":
        return (shown.job(job), connection)
    return (shown.job(job), connection, *shown.error(_error_of(claim.parent)))


def _error_of(parent: JobRecord) -> JobFailed:
    """The attempt that failed."""
    last = parent.history[-1] if parent.history else None
    info = codec.load_error(last.detail if last else b"")
    reason = parent.reason or (last.reason if last else "")
    return JobFailed(info.type_name, info.mro, info.message, info.traceback, parent.attempts, reason)
