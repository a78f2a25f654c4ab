"""The processes of the soak: each dies with the runner, and is ended by its id."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from winch.worker import WorkerSettings, run_worker

__all__ = ["Child", "die_with_parent", "run_until_the_end", "send"]

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent's main thread ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def run_until_the_end(parent: int, settings: WorkerSettings) -> NoReturn:
    """A worker's process."""
    die_with_parent(parent)
    sys.exit(run_worker(settings))


def send(pid: int, number: int, *, group: bool = False) -> None:
    """Send a signal to a process or its group, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(pid, number)


class Child:
    """A process of ours.

    Attributes:
        name: New for every process.
        asked: Its end was asked for.

    Args:
        arguments: Its command line, after the interpreter.
        log: Where its output goes.
        environment: In addition to ours.
    """

    def __init__(self, name: str, arguments: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.name, self.asked = name, False
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
            )
        self.pid = self._popen.pid

    @property
    def code(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._popen.poll()

    def terminate(self) -> None:
        """Ask it to end."""
        self.asked = True
        self._popen.terminate()

    def kill(self) -> None:
        """End it at once."""
        self.asked = True
        self._popen.kill()

    def reap(self, within: float) -> bool:
        """Wait for its end. False: it did not end in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(within)
        return self.code is not None
