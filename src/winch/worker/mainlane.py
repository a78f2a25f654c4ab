"""The main thread as a place where jobs run: interrupted by a signal, so also out of a sleep or a read."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from winch.running.interrupting import INTERRUPT
from winch.running.run import Run

if TYPE_CHECKING:
    from winch.worker.forking import ForkServer

__all__ = ["MainLane"]


class MainLane:
    """See the module.

    Attributes:
        run: What is running, if anything.
        forks: Runs the jobs in child processes, if that was asked for.
    """

    def __init__(self, forks: ForkServer | None) -> None:
        self.run: Run | None = None
        self.forks = forks
        self._wanted: tuple[Run, type[BaseException]] | None = None
        self._thread = threading.main_thread().ident or 0
        signal.signal(INTERRUPT, self._on_signal)

    def interrupt(self, run: Run, kind: type[BaseException]) -> None:
        """Raise this inside the job, as soon as that is possible. Again is harmless."""
        if self.forks is not None and self.forks.interrupt(kind):
            return
        if run.armed and run.interrupted is not kind:
            self._wanted = (run, kind)
            signal.pthread_kill(self._thread, INTERRUPT)

    def _on_signal(self, _number: int, _frame: object) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None and wanted[0] is self.run and wanted[0].armed:
            wanted[0].interrupted = wanted[1]
            raise wanted[1]
