"""What the jobs of the soak do. Each notes its start and its end in the history, and returns the token of its claim.

So a stored result tells which run was committed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.chaos.history import History
from winch import Job, JobFailed, NoRetry, RetryLater
from winch.job import current
from winch.stores.contract import Claim

HISTORY_PATH = "WINCH_CHAOS_HISTORY"
WORKER_NAME = "WINCH_CHAOS_WORKER"


@cache
def history() -> History:
    """The file that the executors of this worker share."""
    return History(Path(os.environ[HISTORY_PATH]))


@contextmanager
def noted(kind: str, **facts: Any) -> Generator[Claim]:
    """Note the start and the end of a run."""
    running = current.get()
    if running is None:
        raise RuntimeError("this is not inside a job")
    claim = running.claim
    who = {"w": os.environ[WORKER_NAME], "pid": os.getpid(), "id": claim.id, "token": claim.token}
    history().write("run", "start", **who, kind=kind, **facts)
    how = "return"
    try:
        yield claim
    except BaseException as error:
        how = type(error).__name__
        raise
    finally:
        history().write("run", "end", **who, how=how)


def tick() -> int:
    """Do nothing."""
    with noted("tick") as claim:
        return claim.token


async def atick(seconds: float) -> int:
    """Wait on the loop."""
    with noted("atick") as claim:
        await asyncio.sleep(seconds)
        return claim.token


def slow(seconds: float) -> int:
    """Sleep."""
    with noted("slow") as claim:
        time.sleep(seconds)
        return claim.token


def flaky(times: int) -> int:
    """Raise, as often as it takes to have failed that many times."""
    with noted("flaky") as claim:
        if claim.fails < times:
            raise ValueError(f"failure {claim.fails + 1} of {times}")
        return claim.token


def later(times: int) -> int:
    """Ask to be run again for the first attempts."""
    with noted("later") as claim:
        if claim.attempts < times:
            raise RetryLater(0.05)
        return claim.token


def broken() -> int:
    """Fail for good."""
    with noted("broken"):
        raise NoRetry("always")


def overdue(seconds: float) -> int:
    """Run longer than it may."""
    with noted("overdue") as claim:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.01)
        return claim.token


def poison(way: str) -> None:
    """Kill the process that runs it, or its supervisor as well."""
    with noted("poison", way=way):
        if way == "exit":
            os._exit(0)
        os.kill(os.getppid() if way == "supervisor" else os.getpid(), signal.SIGKILL)
        time.sleep(60)


def _callback(job: Job[Any], event: str) -> int:
    with noted("callback", parent=job.id, event=event, ended=job.record.attempts) as claim:
        return claim.token


def succeeded(job: Job[Any], connection: object, result: object) -> int:
    """The callback of a success."""
    return _callback(job, "success")


def failed(job: Job[Any], connection: object, type: type[BaseException], value: JobFailed, traceback: str) -> int:
    """The callback of a failure."""
    return _callback(job, "failure")


def stopped(job: Job[Any], connection: object) -> int:
    """The callback of a stop."""
    return _callback(job, "stopped")
