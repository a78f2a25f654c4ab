"""What becomes of what a dead executor held: composed here, done by the store in one step."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from winch import codec
from winch.errors import DecodeError
from winch.job import FIXED_FIELDS
from winch.running.retrying import after_failure
from winch.states import JobStatus
from winch.stores.contract import JobRecord, Outcome, Retired, Store
from winch.worker.log import log_job
from winch.worker.processes import ExecutorProcess
from winch.worker.vitals import Slot

__all__ = ["retire"]

logger = logging.getLogger("winch.worker")

_WHY = {"timeout": "ignored its time limit", "lost": "was taken away and did not stop"}


def retire(store: Store, process: ExecutorProcess, worker: str) -> None:
    """End a dead executor's enlistment, and log what that means for its jobs. Safe to repeat.

    It was killed for a job: that job has timed out, or was taken away; the others return. It left in good order, or was told
    to: what it still held returns. Otherwise it crashed, and what it was running is to blame.
    """
    if process.killed_for is not None:
        slot, why = process.killed_for
        outcomes = _outcome_of(store, slot, why)
        retired = store.retire(process.id, outcomes=outcomes)
        _log_killed(store, worker, slot, why, outcomes)
    elif process.left_in_order:
        retired = store.retire(process.id)
    else:
        how, begun = process.how_it_ended(), process.running()
        detail = f"The process {how} while it ran this job."
        retired = store.retire(process.id, crashed=True, begun=begun, detail=detail)
        logger.error(
            "executor %s while it ran %s", how, ", ".join(_named(store, held.id) for held in begun) or "no job"
        )
    _log_blamed(store, worker, retired)


def _log_killed(store: Store, worker: str, slot: Slot, why: str, outcomes: Sequence[Outcome]) -> None:
    record = store.get([slot.held.id])[0]
    state, reason = (outcomes[0].kind, outcomes[0].reason) if outcomes else ("stopped", "stopped")
    run = outcomes[0].run if outcomes else _elapsed(slot)
    text = f"executor killed: {_function_of(record)} {slot.held.id} {state}: it {_WHY[why]}"
    log_job(logging.WARNING, text, _fields(slot.held.id, record, worker, run, state, reason))


def _log_blamed(store: Store, worker: str, retired: Retired) -> None:
    for job in retired.charged:
        record = store.get([job])[0]
        name, crashes = f"{_function_of(record)} {job}", record.crashes if record is not None else 0
        if record is not None and record.state is JobStatus.FAILED:
            level, text, state = logging.ERROR, f"{name} failed: it has crashed its process {crashes} time(s)", "failed"
        else:
            level, text, state = logging.WARNING, f"blamed for the crash, runs again alone: {name}", "retry"
        log_job(level, text, _fields(job, record, worker, None, state, "crashed"))
    for job in retired.suspects:
        record = store.get([job])[0]
        text = f"suspected of the crash, runs again alone: {_function_of(record)} {job}"
        log_job(logging.WARNING, text, _fields(job, record, worker, None, "queued", "crashed"))


def _fields(
    job: str, record: JobRecord | None, worker: str, run: int | None, state: str, reason: str
) -> dict[str, object]:
    """The fields of a job's line, as far as they are known of an attempt that ended with its process."""
    queue, attempt = ("", 0) if record is None else (record.queue, record.attempts)
    values = (job, _function_of(record), queue, attempt, None, run, state, reason, worker)
    return {name: value for name, value in zip(FIXED_FIELDS, values, strict=True) if value is not None}


def _named(store: Store, job: str) -> str:
    """A job for people: its function and its id."""
    return f"{_function_of(store.get([job])[0])} {job}"


def _function_of(record: JobRecord | None) -> str:
    try:
        return "?" if record is None else codec.head(record.payload).function
    except DecodeError:
        return "?"


def _elapsed(slot: Slot) -> int:
    """How long a job that was killed has run, in milliseconds."""
    return (time.monotonic_ns() - slot.started) // 1_000_000


def _outcome_of(store: Store, slot: Slot, why: str) -> tuple[Outcome, ...]:
    """The outcome of a job for which its executor was killed. A claim that was taken away has none."""
    if why != "timeout":
        return ()
    record = store.get([slot.held.id])[0]
    if record is None or record.token != slot.held.token:
        return ()
    limit = slot.limit / 1e9
    text = f"the job ran longer than its limit of {limit:g} s, did not react to that, and was killed"
    name = "winch.errors.JobTimeout"
    try:
        decision = after_failure(codec.head(record.payload).run, record.fails, "timeout", (name,))
    except DecodeError:
        decision = None
    retry = decision is not None and decision.retry
    run = _elapsed(slot)
    detail = codec.dumps_error(name, (name, "builtins.BaseException"), text, "")
    delay = decision.delay if decision is not None and retry else 0
    return (Outcome(*slot.held, "retry" if retry else "failed", "timeout", run, 0, b"", detail, delay),)
