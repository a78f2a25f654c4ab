"""Interpreters that wait for their brief: the process of an executor is started before anybody knows whether it is wanted.

Of all that happens between `winch worker` and its first job the imports take longest. So the process comes first: it imports
what an executor needs while the supervisor does the same, opens the store and has the executor enlisted. Until it gets its
brief it knows no store and runs nothing, and it ends when the line to the supervisor does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from types import TracebackType
from typing import NamedTuple

from winch.worker.channel import Channel
from winch.worker.settings import WorkerSettings
from winch.worker.vitals import Vitals

__all__ = ["Interpreter", "Interpreters"]


class Interpreter(NamedTuple):
    """A fresh interpreter in a process group of its own, and the supervisor's ends of what ties the two together."""

    popen: subprocess.Popen[bytes]
    channel: Channel
    vitals: Vitals


class Interpreters:
    """Those of one worker. When it is left, the ones that still wait are ended.

    Args:
        settings: Of the worker.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._slots = settings.slots
        self._waiting: deque[Interpreter] = deque()

    def __enter__(self) -> Interpreters:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def pids(self) -> list[int]:
        """Of those that wait."""
        return [interpreter.popen.pid for interpreter in self._waiting]

    def start(self, most: int) -> None:
        """Start one more, if fewer than `most` wait. What the system refuses now is tried again by `take`."""
        if len(self._waiting) < most:
            with contextlib.suppress(OSError):
                self._waiting.append(self._start())

    def take(self) -> Interpreter:
        """The one that has waited longest; a new one if none waits.

        Raises:
            OSError: The system refuses to start it.
        """
        return self._waiting.popleft() if self._waiting else self._start()

    def end(self) -> None:
        """End those that wait: they hold nothing that could be lost."""
        while self._waiting:
            popen, channel, vitals = self._waiting.popleft()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
            channel.close()
            vitals.close()

    def _start(self) -> Interpreter:
        vitals = Vitals.create(self._slots)
        ours, theirs = socket.socketpair()
        try:
            popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "winch.worker.entry", str(theirs.fileno())],
                pass_fds=(theirs.fileno(), vitals.descriptor),
                process_group=0,
                stdin=subprocess.DEVNULL,
            )
        except OSError:
            ours.close()
            vitals.close()
            raise
        finally:
            theirs.close()
        return Interpreter(popen, Channel(ours), vitals)
