"""How an executor stops: because it is told to, by the supervisor or by a signal; because it is due; or at once."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from winch.errors import WorkerError
from winch.worker.channel import Channel
from winch.worker.settings import WorkerSettings
from winch.worker.surroundings import resident_bytes

__all__ = ["EXIT_LOST", "Stopping", "end_group"]

EXIT_LOST = 3
"""The exit status of an executor that the store has given up on."""

logger = logging.getLogger("winch.worker")


class Stopping:
    """See the module.

    Attributes:
        requested: Whether to stop: nothing more is claimed, and nothing begins.
        told: Whether a signal has asked for it: set in a handler, so nothing else is done there.
        deadline: `time.monotonic_ns()` when jobs that still run are interrupted; None lets them run to their own limits.
        abandon: Set when there is no more time to wait for the store, or nothing to wait for: a call that fails is the last.

    Args:
        settings: Of the worker.
        budget: How many jobs the executor may run in all; None without a limit.
        channel: To the supervisor.
        wake: Has the executor and its watch look at this.
    """

    def __init__(
        self, settings: WorkerSettings, budget: int | None, channel: Channel, wake: Callable[[], None]
    ) -> None:
        self.requested = self.told = False
        self.deadline: int | None = None
        self.abandon = threading.Event()
        self._why = "stopped"
        self._settings, self._budget = settings, budget
        self._channel, self._wake = channel, wake

    def request(self, why: str, grace: float | None = None) -> None:
        """Stop claiming. Safe from any thread; again shortens the grace.

        Args:
            why: What the supervisor is told.
            grace: Jobs that still run after so many seconds are interrupted; None lets them run to their own limits.
        """
        if not self.requested:
            self._why = why
        if grace is not None:
            deadline = time.monotonic_ns() + int(grace * 1e9)
            self.deadline = deadline if self.deadline is None else min(deadline, self.deadline)
        self.requested = True
        self._wake()

    def request_if_told(self) -> None:
        """Stop, if a signal has asked for it."""
        if self.told and not self.requested:
            self.request("recycled", self._settings.grace)

    def request_if_due(self, jobs: int) -> None:
        """Stop, if so many jobs are all that this executor may run, or if its memory has grown too much.

        One that is too large from the start is not replaced before it has run a job: its successor would be no smaller.
        """
        settings = self._settings
        if self._budget is not None and jobs >= self._budget:
            self.request("spent")
        elif settings.max_jobs_per_executor is not None and jobs >= settings.max_jobs_per_executor:
            self.request("recycled")
        elif settings.max_memory is not None and jobs and (used := resident_bytes()) > settings.max_memory:
            logger.info("this executor uses %d bytes, more than %d: replaced", used, settings.max_memory)
            self.request("recycled")

    def say_bye(self) -> None:
        """Tell the supervisor that all is settled, and why this executor leaves."""
        self._channel.send({"say": "bye", "why": self._why})

    def die(self, error: Exception) -> NoReturn:
        """Leave at once: the store has given this executor's jobs to others, or there is no more time to wait for it."""
        logger.warning("%s", error)
        self._channel.send({"say": "bye", "why": "lost" if isinstance(error, WorkerError) else "stopped"})
        logging.shutdown()
        os._exit(EXIT_LOST)


def end_group() -> NoReturn:
    """The supervisor is dead: so are its executors, and all that they started."""
    os.killpg(0, signal.SIGKILL)
    os._exit(1)
