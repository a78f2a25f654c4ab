"""Executor processes as the supervisor sees them: listen, stop, kill, find out how they ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Sequence
from typing import Any

from winch.polling import readable
from winch.stores.contract import Held
from winch.worker.channel import Brief
from winch.worker.interpreters import Interpreter
from winch.worker.settings import WorkerSettings
from winch.worker.vitals import Slot

__all__ = ["ExecutorProcess", "reap_strays"]

_STOP_TIME = 0.5
"""Seconds that a process has to react to SIGSTOP."""

_GOODBYE = 3.0
"""Seconds between an executor's good-bye and its end, at most."""


class ExecutorProcess:
    """One executor process. It gets its brief here: from now on it may claim jobs.

    Attributes:
        id: The executor's id in the store.
        settings: What it was told.
        ready: It has imported everything and works.
        bye: Why it said it would leave, `""` if it did not say.
        failure: The traceback with which it failed to start, `""` if it did not.
        killed_for: The claim for which the supervisor killed it, and why: `timeout` or `lost`.
        budget: How many jobs it may run, None for any number.
        stop_by: `time.monotonic()` at which a stopping process is killed.
        status: How it ended, as `os.wait` tells, once it has.
        usage: What it used in its life, as `resource.getrusage` tells, once it has ended.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        id: str,
        settings: WorkerSettings,
        worker_name: str,
        budget: int | None,
        quiet: bool = False,
    ) -> None:
        self.id, self.settings = id, settings
        self.ready = False
        self.bye = ""
        self.failure = ""
        self.killed_for: tuple[Slot, str] | None = None
        self.stop_by: float | None = None
        self.born = time.monotonic()
        self.budget = budget
        self.status = 0
        self.usage: tuple[float, ...] = ()
        self._last_running: tuple[Held, ...] | None = None
        self._popen, self.channel, self.vitals = interpreter
        self.pid = self._popen.pid
        self._pidfd = _open_pidfd(self.pid)
        self._send(Brief(settings, id, worker_name, os.getpid(), self.vitals.descriptor, budget, quiet))

    def _send(self, brief: Brief) -> None:
        self.channel.send(brief.as_message())

    def sources(self) -> list[Any]:
        """What becomes readable when it says something or ends."""
        sources: list[Any] = [] if self.channel.closed else [self.channel]
        return sources if self._pidfd is None else [*sources, self._pidfd]

    def listen(self) -> None:
        """Take in what it has said, and tell it what it could not take before. Does not wait."""
        self.channel.flush()
        while not self.channel.closed and readable([self.channel], 0):
            self._hear(self.channel.receive())

    def _hear(self, messages: Sequence[dict[str, Any]]) -> None:
        for message in messages:
            if message["say"] == "ready":
                self.ready = True
            elif message["say"] == "failed":
                self.failure = message["traceback"]
            elif message["say"] == "bye":
                self.bye = message["why"]
                self._set_stop_by(_GOODBYE)  # a thread that a job left behind may keep it alive

    def stop(self, grace: float, kill_after: float) -> None:
        """Ask it to leave within `grace` seconds; `kill_after` seconds later it may be killed."""
        self.channel.send({"do": "stop", "grace": grace})
        self._set_stop_by(grace + kill_after)

    def _set_stop_by(self, seconds: float) -> None:
        stop_by = time.monotonic() + seconds
        self.stop_by = stop_by if self.stop_by is None else min(self.stop_by, stop_by)

    def lose(self, tokens: Sequence[int]) -> None:
        """Tell it that claims were taken away."""
        self.channel.send({"do": "lost", "tokens": tokens})

    def set_quiet(self, quiet: bool) -> None:
        """Have it claim nothing more, or claim again."""
        self.channel.send({"do": "quiet", "on": quiet})

    def reconnect(self) -> None:
        """Have it listen to the store on a new connection."""
        self.channel.send({"do": "reconnect"})

    def kill_if_still_in(self, slot: Slot, why: str) -> bool:
        """Kill it if it still runs this very job: it is stopped first, so that what is killed is never the next job."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSTOP)
            self._await_stopped()
            if any(now.sequence == slot.sequence and now.held == slot.held for now in self.vitals.running()):
                self.killed_for = (slot, why)
                self.kill()
                return True
            os.kill(self.pid, signal.SIGCONT)
        return False

    def _await_stopped(self) -> None:
        """Wait for the stop, but not for ever: a process in an uninterruptible call does not start its next job either."""
        deadline = time.monotonic() + _STOP_TIME
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG):
                return
            time.sleep(0.001)

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def ended(self) -> bool:
        """Whether it is dead. Its process group is killed before the process is reaped, while its id is still its own."""
        if self._popen.returncode is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self.kill()
            _, self.status, usage = os.wait4(self.pid, 0)
            self.usage = tuple(usage)
            self._popen.returncode = os.waitstatus_to_exitcode(self.status)
        return self._popen.returncode is not None

    @property
    def works(self) -> bool:
        """It takes jobs: it has started, and has not been told to stop."""
        return self.ready and self.stop_by is None

    @property
    def failed_to_start(self) -> bool:
        """It could not import what it was told to, or not open the store."""
        return bool(self.failure) and not self.ready

    @property
    def left_in_order(self) -> bool:
        """It said that it would leave, or never began, or was told to: no job of it is to blame."""
        return bool(self.bye) or self.failed_to_start or self.stop_by is not None

    def running(self) -> tuple[Held, ...]:
        """What its vitals show as running: also after its death."""
        if self._last_running is not None:
            return self._last_running
        return tuple(slot.held for slot in self.vitals.running())

    def how_it_ended(self) -> str:
        """For people: "killed by SIGSEGV", "exited with status 0"."""
        code = self._popen.returncode
        if code is None or code >= 0:
            return f"exited with status {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = ", not by winch: maybe the system was out of memory" if name == "SIGKILL" else ""
        return f"was killed by {name}{hint}"

    def close(self) -> None:
        """Release what belongs to a dead process. What it was running at its end is kept."""
        self._last_running = self.running()
        self.channel.close()
        self.vitals.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


def reap_strays(ours: Collection[int]) -> None:
    """Take leave of dead processes that are none of ours: process 1 of a container inherits what jobs have left behind."""
    with contextlib.suppress(ChildProcessError):
        while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if dead.si_pid in ours:  # it is buried first
                return
            os.waitpid(dead.si_pid, 0)


def _open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends, where the system has such a thing and allows it."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
