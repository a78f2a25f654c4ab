"""Jobs that the integration tests enqueue. What they do they write to files, apart from the store under test."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from winch import Group, Job, NoRetry, RetryLater, get_current_job


def note(path: str, text: str) -> None:
    """Append a line to a file, in one write."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)


def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b


def noop() -> None:
    """Do nothing."""


def write(path: str, text: str) -> str:
    """Note a text."""
    note(path, text)
    return text


def nap(path: str, text: str, seconds: float) -> str:
    """Note the start, sleep, note the end."""
    note(path, f"start {text} {os.getpid()}")
    time.sleep(seconds)
    note(path, f"end {text}")
    return text


async def anap(path: str, text: str, seconds: float) -> str:
    """Note the start, sleep on the loop, note the end."""
    note(path, f"start {text} {os.getpid()}")
    await asyncio.sleep(seconds)
    note(path, f"end {text}")
    return text


async def stubborn_anap(seconds: float) -> None:
    """Sleep on the loop."""
    await asyncio.sleep(seconds)


def fail(message: str) -> None:
    """Raise."""
    raise ValueError(message)


def fail_until(path: str, times: int) -> str:
    """Raise the first `times` times."""
    note(path, f"{time.time()}")
    count = len(Path(path).read_text().splitlines())
    if count <= times:
        raise ValueError(f"attempt {count}")
    return f"attempt {count}"


def later(path: str) -> str:
    """Ask to be run again once."""
    note(path, "run")
    if len(Path(path).read_text().splitlines()) == 1:
        raise RetryLater(0.05)
    return "done"


def never() -> None:
    """Fail for good."""
    raise NoRetry("no use")


def segfault(path: str) -> None:
    """Crash the process."""
    note(path, f"crash {os.getpid()}")
    ctypes.string_at(0)


def leave(path: str, status: int) -> None:
    """End the process without a word."""
    note(path, f"leave {os.getpid()}")
    os._exit(status)


def exit_politely() -> None:
    """Raise SystemExit."""
    sys.exit(0)


def kill_the_worker(path: str) -> None:
    """Kill the supervisor, and with it this process."""
    note(path, f"kill {os.getppid()}")
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def spin_in_c() -> int:
    """Hold the GIL in C for a very long time."""
    return sum(range(10**12))


def swallow() -> None:
    """Ignore every exception."""
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue


def grandchild(path: str) -> None:
    """Start a process of its own and wait for it."""
    child = subprocess.Popen(["sleep", "300"])
    note(path, str(child.pid))
    child.wait()


def progress() -> dict[str, Any]:
    """Count in the job's own meta."""
    job = get_current_job()
    if job is None:
        raise RuntimeError("no current job")
    for done in (50, 100):
        job.meta["progress"] = done
        job.save_meta()
    return {"id": job.id}


def on_success(job: Job[Any], connection: Any, result: Any) -> None:
    """Note what a success callback gets."""
    note(job.meta["path"], f"success {job.id} {result!r} {job.get_status(refresh=False)}")


def on_failure(job: Job[Any], connection: Any, type: Any, value: Any, traceback: Any) -> None:
    """Note what a failure callback gets."""
    last = str(traceback).strip().splitlines()[-1] if traceback else ""
    note(job.meta["path"], f"failure {job.id} {type.__name__} {value} | {last}")


def on_stopped(job: Job[Any], connection: Any) -> None:
    """Note what a stopped callback gets."""
    note(job.meta["path"], f"stopped {job.id}")


def mark_attempt(job: Job[Any]) -> Iterator[None]:
    """A hook: note the begin and the end of every attempt."""
    path = os.environ["HOOK_PATH"]
    note(path, f"before {job.func_name}")
    yield
    note(path, "after")


def spin(seconds: float) -> None:
    """Compute in Python."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def leave_unless_alone(path: str) -> None:
    """Kill the process, whatever runs beside it."""
    note(path, f"crash {os.getpid()}")
    os._exit(9)


def daemonize(path: str) -> None:
    """Leave a child behind in a session of its own, with all descriptors open, and crash."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(20)
        os._exit(0)
    note(path, "forked")
    os.kill(os.getpid(), signal.SIGKILL)


def leave_a_thread() -> int:
    """Leave a thread behind that would keep the interpreter alive."""
    threading.Thread(target=time.sleep, args=(60,)).start()
    return os.getpid()


async def break_the_loop() -> str:
    """Leave a task behind that ends the event loop."""

    async def stray() -> None:
        sys.exit(1)

    asyncio.get_running_loop().call_later(0.01, lambda: asyncio.ensure_future(stray()))
    return "left"


def for_ever_later() -> None:
    """Ask for what cannot be."""
    raise RetryLater(float("inf"))


async def cancel_everybody() -> int:
    """Cancel every task of the loop, this one too, in the last step."""
    for task in asyncio.all_tasks():
        task.cancel()
    return 7


def on_success_too(job: Job[Any], connection: Any, result: Any) -> None:
    """Note another success callback."""
    note(job.meta["path"], f"too {job.id} {result!r}")


def on_failure_too(job: Job[Any], connection: Any, type: Any, value: Any, traceback: Any) -> None:
    """Note another failure callback."""
    note(job.meta["path"], f"too {job.id} {value.attempts} {value.reason}")


def on_success_at_the_second_try(job: Job[Any], connection: Any, result: Any) -> None:
    """Fail once."""
    note(job.meta["path"], "try")
    if len(Path(job.meta["path"]).read_text().splitlines()) == 1:
        raise ValueError("the first try")


def count_up(path: str) -> int:
    """Note the time; return how often that was done."""
    note(path, f"{time.time()}")
    return len(Path(path).read_text().splitlines())


def fail_from(path: str, run: int) -> None:
    """Raise from that run on."""
    if count_up(path) >= run:
        raise ValueError("enough")


def stamp(path: str) -> None:
    """Note the time."""
    note(path, f"{time.time():.4f}")


async def astamp(path: str) -> None:
    """Note the time."""
    note(path, f"{time.time():.4f}")


def write_and_tell(path: str, text: str) -> str:
    """Note a text, and where the others of the group find the notes."""
    note(path, text)
    return path


def notes_of(group: Group) -> str:
    """The path that `write_and_tell` has told."""
    return next(
        str(job.return_value()) for job in group.get_jobs() if job.func_name == "tests.integration.tasks.write_and_tell"
    )


def on_complete(group: Group, connection: Any) -> None:
    """Note how a group was completed."""
    counts = group.counts
    note(notes_of(group), f"complete {group.name} {counts.total} {counts.finished} {counts.failed}")


def on_complete_at_the_second_try(group: Group, connection: Any) -> None:
    """Die once."""
    path = notes_of(group)
    if len(Path(path).read_text().splitlines()) == 1:
        note(path, "dying")
        os._exit(9)
    note(path, f"complete {group.name}")
