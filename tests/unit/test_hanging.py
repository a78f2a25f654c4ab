"""A thread that hangs is told from one that works and from a process that was stopped, by a clock that is moved by hand."""

from types import SimpleNamespace

import pytest

from winch.worker import hanging
from winch.worker.hanging import Hanging


class Site:
    """A watched thread and a clock; a look each second."""

    def __init__(self) -> None:
        self.now, self.steps = 1000.0, 1

    def looks(self, hang: Hanging, count: int) -> list[float]:
        """What so many looks say."""
        found: list[float] = []
        for _ in range(count):
            self.now += 1
            if (hung_for := hang.look(self.steps)) is not None:
                found.append(hung_for)
        return found


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """Its clock is that of `hanging.py`."""
    site = Site()
    monkeypatch.setattr(hanging, "time", SimpleNamespace(monotonic=lambda: site.now))
    return site


def test_a_thread_that_stands_still_hangs(site: Site) -> None:
    """It is said once its patience is over, and again after as long."""
    hang = Hanging(30)
    site.looks(hang, 1)
    assert site.looks(hang, 30) == []
    assert site.looks(hang, 1) == [31]
    assert site.looks(hang, 60) == [31]


def test_a_thread_that_works_does_not(site: Site) -> None:
    """A step in the meantime is enough."""
    hang = Hanging(30)
    for _ in range(4):
        site.steps += 1
        assert site.looks(hang, 30) == []


def test_a_stopped_process_blames_nobody(site: Site) -> None:
    """Who comes back after an hour has not looked in it: the thread has as long as the looker had."""
    hang = Hanging(30)
    site.looks(hang, 1)
    site.now += 3600
    assert site.looks(hang, 20) == []
    assert len(site.looks(hang, 1)) == 1
