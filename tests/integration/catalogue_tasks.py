"""Jobs that misbehave on purpose, for the tests of the fault catalogue."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.integration.tasks import note
from winch import Job


class Odd(BaseException):
    """No Exception, so `except Exception` does not see it."""


_RAISED: dict[str, type[BaseException]] = {
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "Odd": Odd,
}


def raise_one(name: str) -> None:
    """Raise what is no Exception."""
    raise _RAISED[name]("thrown")


async def araise_one(name: str) -> None:
    """Raise what is no Exception, on the loop."""
    raise _RAISED[name]("thrown")


def leave_with(path: str, status: int) -> None:
    """End the process at once."""
    note(path, f"leave {status}")
    os._exit(status)


async def aleave_with(path: str, status: int) -> None:
    """End the process at once, from the loop."""
    note(path, f"leave {status}")
    os._exit(status)


async def akill_the_worker(path: str) -> None:
    """Kill the supervisor, and with it this process."""
    note(path, "kill")
    os.kill(os.getppid(), signal.SIGKILL)
    await asyncio.sleep(60)


def run_for(seconds: float) -> str:
    """Take that long, to the millisecond."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0)
    return "done"


async def arun_for(seconds: float) -> str:
    """Take that long on the loop."""
    await asyncio.sleep(seconds)
    return "done"


def recurse_without_end() -> None:
    """Recurse until memory is out, which is soon: never call this without the limit that it sets."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115 - a job
    resource.setrlimit(resource.RLIMIT_AS, (used + 64_000_000, hard))
    sys.setrecursionlimit(10**9)

    def deeper(n: int) -> int:
        return deeper(n + 1) + 1

    deeper(0)


def recurse() -> None:
    """Recurse up to Python's own limit."""
    recurse()


def close_descriptors(path: str) -> None:
    """Close every descriptor of the process."""
    note(path, "close")
    os.closerange(3, 1024)


def spoil_the_process(folder: str) -> None:
    """Change everything about the process that a job can change."""
    os.chdir(folder)
    os.umask(0o777)
    os.environ.clear()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGURG, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.close()
    threading.excepthook = None  # type: ignore[assignment]


def flood(lines: int) -> str:
    """Print a lot."""
    for _ in range(lines):
        print("x" * 999)
    return "printed"


def say(text: str) -> str:
    """Print a line."""
    print(text)
    return text


def threads_at_start() -> int:
    """How many threads the kernel knows in this process."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a job


def leave_a_zombie(path: str) -> None:
    """Leave a process behind that outlives its parent, and ends once there is a file of that name."""
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            while not os.path.exists(f"{path}.go"):  # noqa: PTH110 - a job
                time.sleep(0.01)
            os._exit(0)
        os._exit(0)
    os.wait()
    note(path, "left")


class Mute(Exception):
    """It cannot tell what is wrong."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Leaving(Exception):
    """Asked what is wrong, it wants to leave."""

    def __str__(self) -> str:
        raise SystemExit(3)


def raise_strange(kind: str) -> None:
    """Raise what is hard to describe."""
    if kind == "mute":
        raise Mute
    if kind == "leaving":
        raise Leaving
    if kind == "huge":
        raise ValueError("x" * 100_000_000)
    if kind == "surrogates":
        raise ValueError("\ud800\0\x1b[31m")
    if kind == "group":
        raise ExceptionGroup("many", [ValueError(str(n)) for n in range(1000)])
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


def return_strange(kind: str) -> Any:
    """Return what cannot be kept."""
    cycle: list[Any] = []
    cycle.append(cycle)
    strange: dict[str, Any] = {
        "lambda": lambda: None,
        "generator": (n for n in range(3)),
        "cycle": cycle,
        "huge": "x" * 1_000_001,
        "lock": threading.Lock(),
        "surrogate": "\ud800",
    }
    return strange[kind]


def return_size(size: int) -> bytes:
    """Return so many bytes."""
    return b"x" * size


def takes_two(a: int, b: int) -> int:
    """What an older caller calls otherwise."""
    return a + b


def again(path: str, times: int) -> None:
    """Note it, and enqueue itself with one less."""
    from winch import Queue

    note(path, str(times))
    if times:
        Queue().enqueue(again, path, times - 1)


def failing_callback(job: Job[Any], connection: Any, *rest: Any) -> None:
    """Raise."""
    raise RuntimeError("the callback is broken")


def hanging_callback(job: Job[Any], connection: Any, *rest: Any) -> None:
    """Hang."""
    time.sleep(600)


def crashing_callback(job: Job[Any], connection: Any, *rest: Any) -> None:
    """End the process."""
    os._exit(1)


def broken_hook(job: Job[Any]) -> Iterator[None]:
    """A hook that raises where the job's meta says."""
    if job.meta.get("hook") == "before":
        raise RuntimeError("the hook is broken before")
    yield
    if job.meta.get("hook") == "after":
        raise RuntimeError("the hook is broken after")


def slow_once(path: str, text: str) -> None:
    """Take very long at the first run, none at the next."""
    first = not any(line == f"start {text}" for line in lines_of(path))
    note(path, f"start {text}")
    if first:
        time.sleep(600)


async def aslow_once(path: str, text: str) -> None:
    """Take very long at the first run, none at the next, on the loop."""
    first = not any(line == f"start {text}" for line in lines_of(path))
    note(path, f"start {text}")
    if first:
        await asyncio.sleep(600)


def lines_of(path: str) -> list[str]:
    """What has been noted."""
    return Path(path).read_text().splitlines() if Path(path).exists() else []
