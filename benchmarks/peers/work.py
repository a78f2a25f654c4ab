"""The job that every queue runs, and what its process was told."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

URL = os.environ.get("BENCH_URL", "redis://127.0.0.1:1/0")
SAFE = os.environ.get("BENCH_SETTING") == "safe"
SECONDS = 0.02


def program(name: str) -> str:
    """The path of a command that was installed beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


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
    line = f"{what} {number} {os.getpid()} {time.time():.3f}\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
