"""What becomes of what a dead executor held: composed here, done by the store in one step."""

from __future__ import annotations

import logging
import time

from winch import codec
from winch.errors import DecodeError
from winch.running.retrying import after_failure
from winch.states import JobStatus
from winch.stores.contract import Outcome, Retired, Store
from winch.worker.processes import ExecutorProcess
from winch.worker.vitals import Slot

__all__ = ["retire"]

logger = logging.getLogger("winch.worker")

_WHY = {"timeout": "ignored its time limit", "lost": "was taken away and did not stop"}


def retire(store: Store, process: ExecutorProcess) -> None:
    """End a dead executor's enlistment, and say what that means for its jobs. Safe to repeat.

    It was killed for a job: that job has timed out, or was taken away; the others return. It left in good order, or was told
    to: what it still held returns. Otherwise it crashed, and what it was running is to blame.
    """
    if process.killed_for is not None:
        slot, why = process.killed_for
        retired = store.retire(process.id, outcomes=_outcome_of(store, slot, why))
        logger.warning("executor killed: job %s %s", _named(store, slot.held.id), _WHY[why])
    elif process.left_in_order:
        retired = store.retire(process.id)
    else:
        how, begun = process.how_it_ended(), process.running()
        detail = f"The process {how} while it ran this job."
        retired = store.retire(process.id, crashed=True, begun=begun, detail=detail)
        logger.error(
            "executor %s while it ran %s", how, ", ".join(_named(store, held.id) for held in begun) or "no job"
        )
    _log(store, retired)


def _log(store: Store, retired: Retired) -> None:
    for job in retired.charged:
        record = store.get([job])[0]
        if record is not None and record.state is JobStatus.FAILED:
            logger.error("%s failed: it has crashed its process %d time(s)", _named(store, job), record.crashes)
        else:
            logger.warning("blamed for the crash, runs again alone: %s", _named(store, job))
    for job in retired.suspects:
        logger.warning("suspected of the crash, runs again alone: %s", _named(store, job))


def _named(store: Store, job: str) -> str:
    """A job for people: its function and its id."""
    record = store.get([job])[0]
    if record is None:
        return job
    try:
        return f"{codec.head(record.payload).function} {job}"
    except DecodeError:
        return job


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
    run = (time.monotonic_ns() - slot.started) // 1_000_000
    detail = codec.dumps_error(name, (name, "builtins.BaseException"), text, "")
    delay = decision.delay if decision is not None and retry else 0
    return (Outcome(*slot.held, "retry" if retry else "failed", "timeout", run, 0, b"", detail, delay),)
