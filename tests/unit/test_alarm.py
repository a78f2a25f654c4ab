"""An alarm goes off after its delay, unless it is stopped."""

import sys
import time

import pytest

from winch.polling import readable
from winch.worker.alarm import Alarm, new_alarm

DELAY = 20_000_000


@pytest.fixture(params=["linux", "elsewhere"])
def alarm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Alarm:
    """A new alarm, as Linux has them and as it is where there are no such timers."""
    if request.param == "elsewhere":
        monkeypatch.setattr(sys, "platform", "elsewhere")
    elif sys.platform != "linux":
        pytest.skip("needs Linux")
    return new_alarm(DELAY)


def test_it_goes_off(alarm: Alarm) -> None:
    """It is readable once its time is over, and stays so."""
    alarm.set()
    assert readable([alarm], 60) == {alarm.fileno()}
    assert readable([alarm], 0) == {alarm.fileno()}


def test_it_is_stopped(alarm: Alarm) -> None:
    """It does not go off once it is stopped, before its time or after."""
    for pause in (0.0, 2 * DELAY / 1e9):
        alarm.set()
        time.sleep(pause)
        alarm.stop()
        assert readable([alarm], 2 * DELAY / 1e9) == set()


def test_it_is_quiet_before_its_time() -> None:
    """Where there are timers it wakes nobody while its time runs."""
    alarm = new_alarm(999_000_000)
    alarm.set()
    assert readable([alarm], 0.01) == (set() if sys.platform == "linux" else {alarm.fileno()})


def test_it_can_be_set_again(alarm: Alarm) -> None:
    """After it was stopped it can be set anew."""
    alarm.set()
    alarm.stop()
    alarm.set()
    assert readable([alarm], 60) == {alarm.fileno()}
