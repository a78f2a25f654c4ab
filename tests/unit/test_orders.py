"""Commands become calls of the supervisor, each once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from winch.stores.contract import Command
from winch.worker.orders import Orders


class Worker:
    """Notes what it is made to do."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def shut_down(self, *, now: bool) -> None:
        self.done.append(f"shut down {now}")

    def renew(self) -> None:
        self.done.append("renew")

    def set_quiet(self, quiet: bool) -> None:
        self.done.append(f"quiet {quiet}")

    def take_away(self, tokens: Sequence[int]) -> None:
        self.done.append(f"take away {[*tokens]}")


def commands(*names: str) -> list[Command]:
    """Commands of these names, numbered from 1."""
    return [Command(number, name) for number, name in enumerate(names, 1)]


def test_each_order_is_carried_out_in_turn() -> None:
    """All names that there are, in the order of their numbers."""
    worker = Worker()
    names = ("quiet", "resume", "restart", "shutdown", "shutdown-now")
    assert Orders(worker).obey(commands(*names)) == (5, True)
    assert worker.done == ["quiet True", "quiet False", "renew", "shut down False", "shut down True"]


def test_a_command_that_comes_again_is_not_obeyed_again() -> None:
    """Until a beat has acknowledged it a command comes with every beat."""
    worker = Worker()
    orders = Orders(worker)
    assert orders.obey(commands("restart")) == (1, True)
    assert orders.obey(commands("restart")) == (1, False)
    assert orders.obey(commands("restart", "quiet")) == (2, True)
    assert orders.obey([]) == (2, False)
    assert worker.done == ["renew", "quiet True"]


def test_claims_that_were_taken_away_go_together_and_wait_for_nobody() -> None:
    """All tokens in one call; nobody waits for that to be acknowledged."""
    worker = Worker()
    lost = [Command(1, "lost", 10, "a"), Command(2, "lost", 11, "b")]
    assert Orders(worker).obey(lost) == (2, False)
    assert worker.done == ["take away [10, 11]"]


def test_the_unknown_is_logged_and_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    """What a newer client asks for is not done, and neither is it asked for again."""
    worker = Worker()
    with caplog.at_level(logging.WARNING):
        assert Orders(worker).obey(commands("reverse\n", "", "x" * 1000)) == (3, True)
    assert worker.done == []
    assert all(len(message) < 200 and "\n" not in message for message in caplog.messages)
    assert len(caplog.messages) == 3
