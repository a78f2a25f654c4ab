"""`on_crash`: the user's functions that hear of jobs which took their executor with them, or had to be killed with it.

They run in a process of their own, started for the occasion. Not in the supervisor, which runs no user code; not in the next
executor, whose start they would delay, and which there may never be: the worker may be stopping. What goes wrong in there, be
it another crash, touches no job. The price, a fresh interpreter, is paid only by crashes. It is a notification, given once:
what has to happen for each failed job is the business of the job's `on_failure`, which the store sees to.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict
from typing import IO, Any, NamedTuple, cast

from winch.worker.processes import ExecutorProcess
from winch.worker.settings import WorkerSettings

__all__ = ["Crash", "CrashHooks"]

logger = logging.getLogger("winch.worker")

_LIMIT = 60.0
"""Seconds that the functions may take, for all crashes that they are told of at once."""

_LAST_LIMIT = 10.0
"""The same when the worker is about to end."""

_MOST = 50
"""The most crashes that wait to be told; of more than that the newest. So many fit into a pipe that nobody reads yet."""


class Crash(NamedTuple):
    """A job and the process that died of it.

    Attributes:
        job: Its id.
        pid: Of the executor.
        status: How it ended, as `os.wait` tells.
        usage: What it used in its life: the fields of `resource.struct_rusage`.
    """

    job: str
    pid: int
    status: int
    usage: tuple[float, ...]


class CrashHooks:
    """Starts the process and sees to its end. There is one at a time; it is told all that has come together meanwhile.

    Args:
        settings: Of the worker; without `on_crash` nothing ever happens.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._waiting: deque[Crash] = deque(maxlen=_MOST)
        self._process: subprocess.Popen[bytes] | None = None
        self._kill_at = 0.0

    def tell(self, process: ExecutorProcess) -> None:
        """An executor is dead, and the store knows. It counts if it crashed, or was killed for a job that ignored its limit."""
        if not self._settings.on_crash:
            return
        if process.killed_for is not None:
            slot, why = process.killed_for
            died_of = (slot.held,) if why == "timeout" else ()
        else:
            died_of = () if process.left_in_order else process.running()
        self._waiting.extend(Crash(held.id, process.pid, process.status, process.usage) for held in died_of)

    def look(self) -> None:
        """Start the process if there is something to tell, and end it when its time is over. Does not wait."""
        if self._process is not None and self._process.poll() is None:
            if time.monotonic() > self._kill_at:
                logger.error("on_crash has not returned within its time: killed")
                self._kill()
            return
        self._process = None
        if self._waiting:
            self._start()

    def finish(self) -> None:
        """The worker is about to end: tell what is left, and wait for that, but not for long."""
        until = time.monotonic() + _LAST_LIMIT
        while (self._waiting or self._process is not None) and time.monotonic() < until:
            self.look()
            if self._process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.1)
        if self._process is not None:
            self._kill()

    def _start(self) -> None:
        message: dict[str, Any] = {
            "settings": asdict(self._settings),
            "supervisor": os.getpid(),
            "crashes": list(self._waiting),
        }
        self._waiting.clear()
        self._kill_at = time.monotonic() + _LIMIT
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "winch.worker.crash_entry"], stdin=subprocess.PIPE, process_group=0
            )
            with cast("IO[bytes]", self._process.stdin) as stdin:
                stdin.write(json.dumps(message).encode())
        except OSError as error:
            logger.error("on_crash could not be started: %s", error)  # noqa: TRY400 - the text says it all

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
