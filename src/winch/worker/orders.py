"""What a worker is told from outside: commands by name become calls of its supervisor.

A command stays in the store until a beat acknowledges it, so it comes with every beat until then: each number is obeyed once.
What a newer client asks for, or somebody else has written there, is logged, acknowledged and not done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from winch.stores.contract import Command

__all__ = ["QUIET", "RESTART", "RESUME", "SHUTDOWN", "SHUTDOWN_NOW", "Orders", "Subordinate"]

SHUTDOWN = "shutdown"
"""Stop as on SIGTERM: running jobs may finish within the grace."""

SHUTDOWN_NOW = "shutdown-now"
"""Stop and put running jobs back at once, as on a second SIGTERM."""

RESTART = "restart"
"""Renew the executors one by one, as on SIGHUP."""

QUIET = "quiet"
"""Claim nothing more; what runs is finished, and beats go on."""

RESUME = "resume"
"""The end of `QUIET`."""

_LOST = "lost"

logger = logging.getLogger("winch.worker")


class Subordinate(Protocol):
    """Who carries the orders out: the supervisor."""

    def shut_down(self, *, now: bool) -> None:
        """Stop, with the grace or at once."""
        ...

    def renew(self) -> None:
        """Replace the executors one by one."""
        ...

    def set_quiet(self, quiet: bool) -> None:
        """Claim nothing more, or claim again."""
        ...

    def take_away(self, tokens: Sequence[int]) -> None:
        """End the jobs of these claims."""
        ...


class Orders:
    """The commands to one identity of a worker.

    Args:
        worker: Carries them out.
    """

    def __init__(self, worker: Subordinate) -> None:
        self._worker = worker
        self._obeyed = 0
        self._deeds: Mapping[str, Callable[[], None]] = {
            SHUTDOWN: lambda: worker.shut_down(now=False),
            SHUTDOWN_NOW: lambda: worker.shut_down(now=True),
            RESTART: worker.renew,
            QUIET: lambda: worker.set_quiet(True),
            RESUME: lambda: worker.set_quiet(False),
        }

    def obey(self, commands: Sequence[Command]) -> tuple[int, bool]:
        """Do what has not been done.

        Returns:
            The number up to which all is done, and whether somebody may wait to hear that.
        """
        new = [command for command in commands if command.number > self._obeyed]
        for command in new:
            self._obeyed = command.number
            if command.name != _LOST:
                self._obey(command.name)
        if lost := [command.token for command in new if command.name == _LOST]:
            self._worker.take_away(lost)
        return self._obeyed, any(command.name != _LOST for command in new)

    def _obey(self, name: str) -> None:
        deed = self._deeds.get(name)
        if deed is None:
            logger.warning("told to do %.100r, which this version of winch does not know: ignored", name)
            return
        logger.info("told to do %s", name)
        deed()
