"""When dead executors are replaced, by a clock that is moved by hand."""

from types import SimpleNamespace

import pytest

from winch.worker import backoff
from winch.worker.backoff import Backoff


class Clock:
    """Stands in for `time.monotonic`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of `backoff.py`."""
    clock = Clock()
    monkeypatch.setattr(backoff, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def test_who_has_run_something_is_replaced_at_once(clock: Clock) -> None:
    """And is named once only."""
    starts = Backoff()
    starts.start_later(early=False)
    assert starts.waiting
    assert starts.take_due() == 1
    assert starts.take_due() == 0
    assert not starts.waiting


def test_early_deaths_double_the_pause_up_to_half_a_minute(clock: Clock) -> None:
    """One executor that dies at each start is not started a hundred times a second."""
    starts, pauses = Backoff(), list[float]()
    for _ in range(8):
        starts.start_later(early=True)
        died_at = clock.now
        while not starts.take_due():
            clock.now += 0.5
        pauses.append(clock.now - died_at)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_worker_outlives_a_night_of_early_deaths(clock: Clock) -> None:
    """However many there were, the next start is half a minute away."""
    starts = Backoff()
    for _ in range(2_000):
        starts.start_later(early=True)
        clock.now += 30
        assert starts.take_due() == 1


def test_a_death_that_is_not_early_ends_the_pauses(clock: Clock) -> None:
    """Who has run something dies of something else."""
    starts = Backoff()
    for early in (True, True, True, False):
        starts.start_later(early=early)
    clock.now += 100
    assert starts.take_due() == 4
    starts.start_later(early=True)
    clock.now += 1
    assert starts.take_due() == 1


def test_a_worker_that_stops_starts_none(clock: Clock) -> None:
    """What was to be started later is not."""
    starts = Backoff()
    starts.start_later(early=True)
    starts.clear()
    clock.now += 100
    assert not starts.waiting
    assert starts.take_due() == 0
