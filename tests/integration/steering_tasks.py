"""Jobs, exception handlers and crash hooks for the tests of steering, hooks and logs."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.integration.tasks import note, spin_in_c
from winch import Job, get_current_job

logger = logging.getLogger("shop.orders")


def wait_for(gate: str, path: str, text: str) -> str:
    """Note the start, wait until a file is there, note the end."""
    note(path, f"start {text} {os.getpid()}")
    while not Path(gate).exists():
        time.sleep(0.01)
    note(path, f"end {text}")
    return text


def spin_in_c_noted(path: str) -> int:
    """Note the start, then hold the GIL in C for a very long time."""
    note(path, "start")
    return spin_in_c()


def order(number: int, text: str = "", fails: bool = False) -> int:
    """Add to the line in the log, and log something itself."""
    job = get_current_job()
    assert job is not None
    job.log_extra(order=number, text=text)
    logger.warning("order %d", number)
    if fails:
        raise ValueError("no such order")
    return number


async def aorder(number: int) -> int:
    """The same on an event loop."""
    job = get_current_job()
    assert job is not None
    job.log_extra(order=number)
    return number


def fail_with_meta(path: str) -> None:
    """Raise, with the path of the notes in its meta."""
    job = get_current_job()
    assert job is not None
    job.meta["path"] = path
    raise ValueError("broken")


async def afail_with_meta(path: str) -> None:
    """Raise on an event loop."""
    fail_with_meta(path)


def sleep_with_meta(path: str) -> None:
    """Sleep, with the path of the notes in its meta."""
    job = get_current_job()
    assert job is not None
    job.meta["path"] = path
    time.sleep(60)


def broken_handler(job: Job[Any], kind: type[BaseException], value: BaseException, traceback: Any) -> None:
    """Raise in a handler."""
    raise RuntimeError("this handler is broken")


def first_handler(job: Job[Any], kind: type[BaseException], value: BaseException, traceback: Any) -> None:
    """Note what it is given, and let the chain go on."""
    found = get_current_job()
    note(job.meta["path"], f"first {job.id} {kind.__name__} {value} {traceback is not None} {found is job}")


def last_handler(job: Job[Any], kind: type[BaseException], value: BaseException, traceback: Any) -> bool:
    """Note, and end the chain."""
    note(job.meta["path"], f"last {job.id}")
    return False


def never_handler(job: Job[Any], kind: type[BaseException], value: BaseException, traceback: Any) -> None:
    """Note that the chain went on."""
    note(job.meta["path"], f"never {job.id}")


def on_crash(job: Job[Any], pid: int, status: int, usage: Any) -> None:
    """Note what a crash hook is given, and by which process."""
    note(job.meta["path"], f"crash {job.id} {pid} {status} {usage.ru_maxrss > 0} {job.get_status()} {os.getpid()}")


def crash_too(job: Job[Any], pid: int, status: int, usage: Any) -> None:
    """Crash in a crash hook."""
    note(job.meta["path"], f"hook {job.id}")
    os.kill(os.getpid(), signal.SIGSEGV)
