"""The jobs that every queue runs, and what its process was told."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from functools import cache
from pathlib import Path

URL = os.environ.get("BENCH_URL", "redis://127.0.0.1:1/0")
SETTING = os.environ.get("BENCH_SETTING", "default")
SAFE = SETTING == "safe"
"""The setting of the crash."""
SECONDS = 0.02
PAUSE = 0.05
LOOPS = 14_000

ROOMY_URL = f"{URL}?max_connections=1000"
"""For those who need a connection per job at a time: redis-py's pools end at a hundred."""


def program(name: str) -> str:
    """The path of a command that was installed beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


def copies(command: list[str], processes: int) -> list[str]:
    """A command line that runs so many of a worker that is but one process."""
    one = shlex.join(command)
    return command if processes == 1 else ["sh", "-c", f"{f'{one} & ' * (processes - 1)}exec {one}"]


# ---- for the crash ----


def work(file: str, number: int) -> None:
    """Note the start, wait 20 ms, note the end."""
    note(file, "start", number)
    time.sleep(SECONDS)
    note(file, "end", number)


async def work_async(file: str, number: int) -> None:
    """The same for queues that live in an event loop."""
    note(file, "start", number)
    await asyncio.sleep(SECONDS)
    note(file, "end", number)


def note(file: str, what: str, number: int) -> None:
    """Append one line in one write: it outlives the process, and lines of several processes never mix."""
    append(file, f"{what} {number} {os.getpid()} {time.time():.3f}\n".encode())


# ---- for speed ----


def touch(file: str, sent: float, data: str = "") -> None:  # noqa: ARG001
    """Leave a byte, so that the file's size is the number of jobs that ran."""
    append(file, b".")


async def touch_async(file: str, sent: float, data: str = "") -> None:  # noqa: ARG001
    """The same for queues that live in an event loop."""
    touch(file, sent)


def compute(file: str, sent: float) -> None:
    """Keep the processor busy for some 0.2 ms, and leave a byte."""
    for _ in range(LOOPS):
        pass
    touch(file, sent)


async def compute_async(file: str, sent: float) -> None:
    """The same for queues that live in an event loop."""
    compute(file, sent)


def echo(file: str, sent: float, data: str) -> str:
    """Leave a byte, and return what was given."""
    touch(file, sent)
    return data


async def echo_async(file: str, sent: float, data: str) -> str:
    """The same for queues that live in an event loop."""
    return echo(file, sent, data)


def stamp(file: str, sent: float) -> None:
    """Leave how long ago it was sent, or due, in milliseconds."""
    append(file, f"{(time.time() - sent) * 1e3:.3f}\n".encode())


async def stamp_async(file: str, sent: float) -> None:
    """The same for queues that live in an event loop."""
    stamp(file, sent)


def pause(file: str, sent: float) -> None:
    """Wait 50 ms, as for an answer from elsewhere, and leave a byte."""
    time.sleep(PAUSE)
    touch(file, sent)


async def pause_async(file: str, sent: float) -> None:
    """The same for queues that live in an event loop."""
    await asyncio.sleep(PAUSE)
    touch(file, sent)


JOBS = {"work": work, "touch": touch, "compute": compute, "echo": echo, "stamp": stamp, "pause": pause}
ASYNC_JOBS = {
    "work": work_async, "touch": touch_async, "compute": compute_async, "echo": echo_async, "stamp": stamp_async,
    "pause": pause_async,
}  # fmt: skip


def append(file: str, line: bytes) -> None:
    """One write to the end of a file."""
    os.write(_opened(file), line)


@cache
def _opened(file: str) -> int:
    """Opened once per process: opening takes three times as long as the write, and is no cost of a queue."""
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
