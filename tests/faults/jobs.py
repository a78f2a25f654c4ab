"""What the jobs of the sweep do. Each notes its starts and ends in a file of its own, apart from the store."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from winch import Job, current_job


def note(notes: str, word: str, name: str) -> int:
    """Append a line; returns how many lines of this word and name there are with it."""
    line = f"{word} {name} {os.getpid()}"
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)
    return sum(other.split()[:2] == [word, name] for other in Path(notes).read_text().splitlines())


def work(notes: str, name: str, seconds: float = 0.0) -> str:
    """Take a while."""
    note(notes, "start", name)
    time.sleep(seconds)
    note(notes, "end", name)
    return name


def tick(notes: str) -> str:
    """A slot of a cron entry; its name is its job's id."""
    job = current_job()
    assert job is not None
    return work(notes, job.id)


async def awork(notes: str, name: str, seconds: float = 0.0) -> str:
    """Take a while without holding a thread."""
    note(notes, "start", name)
    await asyncio.sleep(seconds)
    note(notes, "end", name)
    return name


def long_once(notes: str, name: str, seconds: float) -> str:
    """Take a while at the first start."""
    if note(notes, "start", name) == 1:
        time.sleep(seconds)
    note(notes, "end", name)
    return name


def fail_once(notes: str, name: str) -> str:
    """Raise at the first start."""
    if note(notes, "start", name) == 1:
        raise ValueError("the first time")
    note(notes, "end", name)
    return name


def crash_once(notes: str, name: str) -> str:
    """Kill the process at the first start."""
    if note(notes, "start", name) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    note(notes, "end", name)
    return name


def deaf_once(notes: str, name: str) -> str:
    """At the first start be busy in C, where no exception arrives."""
    if note(notes, "start", name) == 1:
        sum(range(10**11))
    note(notes, "end", name)
    return name


def freeze(notes: str, name: str, at: str) -> str:
    """Be quick, but for the call of this name at its first start: that stops the whole worker."""
    if note(notes, "start", name) == 1 and name == at:
        os.kill(os.getppid(), signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
    note(notes, "end", name)
    return name


def called_back(job: Job[Any], _connection: object, *_: object) -> None:
    """A callback, named after its parent."""
    notes, name = str(job.args[0]), f"callback-of-{job.id}"
    note(notes, "start", name)
    note(notes, "end", name)
