"""Schedules: what can be asked for, and which slots are fired of those that have come."""

import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from winch.cron.schedule import MOST_MISSED, DueSlots, Misfire, Schedule, find_zone
from winch.cron.slots import of_datetime
from winch.errors import DecodeError, InvalidOption

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOON = of_datetime(datetime(2026, 11, 25, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"cron": " 0  3 * * * "}, Schedule("0 3 * * *")),
        ({"cron": "@hourly"}, Schedule("0 * * * *")),
        ({"cron": "@Daily"}, Schedule("0 0 * * *")),
        ({"cron": "@midnight"}, Schedule("0 0 * * *")),
        ({"cron": "@weekly"}, Schedule("0 0 * * 0")),
        ({"cron": "@monthly"}, Schedule("0 0 1 * *")),
        ({"cron": "@yearly"}, Schedule("0 0 1 1 *")),
        ({"cron": "@annually"}, Schedule("0 0 1 1 *")),
        ({"cron": "0 3 * * *", "zone": "Europe/Berlin"}, Schedule("0 3 * * *", zone="Europe/Berlin")),
        ({"cron": "0 3 * * *", "zone": ZoneInfo("Europe/Berlin")}, Schedule("0 3 * * *", zone="Europe/Berlin")),
        ({"every": 30}, Schedule(every=30_000)),
        ({"every": "10m", "misfire": "all"}, Schedule(every=600_000, misfire="all")),
        ({"every": timedelta(seconds=1.5), "misfire": 7}, Schedule(every=1_500, misfire=7)),
    ],
)
def test_what_can_be_asked_for(given: dict[str, Any], expected: Schedule) -> None:
    """Expressions, their nicknames and intervals; and each comes back from its bytes."""
    found = Schedule.of(**given)
    assert found == expected
    assert Schedule.unpack(found.pack()) == found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "one of them"),
        ({"cron": "* * * * *", "every": 1}, "one of them"),
        ({"cron": "* * * *"}, "4 field"),
        ({"cron": "* * * * * * *"}, "7 field"),
        ({"cron": ""}, "0 field"),
        ({"cron": "61 * * * *"}, "Bad minute"),
        ({"cron": "* * * * * 8"}, "Bad day-of-week"),
        ({"cron": "0 0 30 2 *"}, "Bad day-of-month"),
        ({"cron": "* * */20 * 1L"}, "never comes"),
        ({"cron": "@reboot"}, "@hourly"),
        ({"cron": "0," * 300 + "0 * * * *"}, "longer than"),
        ({"cron": 5}, "give a text"),
        ({"every": 0.5}, "at least one second"),
        ({"every": -1}, "at least one second"),
        ({"every": "often"}, "not a duration"),
        ({"every": 1, "misfire": "never"}, "misfire"),
        ({"every": 1, "misfire": 0}, "misfire"),
        ({"every": 1, "misfire": True}, "misfire"),
        ({"cron": "* * * * *", "zone": "Europe/Atlantis"}, "pip install tzdata"),
        ({"cron": "* * * * *", "zone": "../etc/passwd"}, "no time zone"),
        ({"cron": "* * * * *", "zone": ""}, "no time zone"),
    ],
)
def test_what_cannot(given: dict[str, Any], told: str) -> None:
    """What cannot be used is refused with a sentence that says what to write."""
    with pytest.raises(InvalidOption, match=told):
        Schedule.of(**given)


def test_a_system_without_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without data about zones a zone is an error that says what to install; UTC works all the same."""
    for name in [name for name in sys.modules if name.startswith("tzdata.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(())
    ZoneInfo.clear_cache()
    find_zone.cache_clear()
    try:
        with pytest.raises(InvalidOption, match="pip install tzdata"):
            find_zone("Europe/Berlin")
        assert find_zone("UTC") is UTC
        assert next(Schedule("0 12 * * *").slots(0, NOON - 1)) == NOON
    finally:
        zoneinfo.reset_tzpath()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"colour": 1}', b'{"cron": "often"}', b'{"every": "x"}', b"{}"])
def test_bytes_that_are_no_schedule(data: bytes) -> None:
    """Damaged bytes, and those of a newer winch, are told of as such."""
    with pytest.raises(DecodeError):
        Schedule.unpack(data)


HOURLY = [NOON - n * HOUR for n in range(4, -1, -1)]


@pytest.mark.parametrize(
    ("misfire", "now", "expected"),
    [
        ("once", NOON, HOURLY[-1:]),
        ("once", NOON + 59 * MINUTE, HOURLY[-1:]),
        ("skip", NOON + MINUTE, HOURLY[-1:]),
        ("skip", NOON + MINUTE + 1, []),
        ("all", NOON, HOURLY),
        (2, NOON, HOURLY[-2:]),
        (7, NOON, HOURLY),
    ],
)
def test_missed_slots(misfire: Misfire | int, now: int, expected: list[int]) -> None:
    """Of five hourly slots, four of them missed: the newest, none that is late, all, or so many."""
    schedule = Schedule("0 * * * *", misfire=misfire)
    assert schedule.due(0, NOON - 5 * HOUR, now) == DueSlots(expected, NOON)


def test_a_long_time_away() -> None:
    """After a week without workers `all` makes up for a hundred slots of 600,000, and `once` for one."""
    policies: list[tuple[Misfire, int]] = [("all", MOST_MISSED), ("once", 1)]
    for misfire, count in policies:
        for schedule in (Schedule("* * * * * *", misfire=misfire), Schedule(every=1_000, misfire=misfire)):
            found = schedule.due(NOON - 7 * DAY, NOON - 7 * DAY, NOON)
            assert found == DueSlots([NOON - n * 1_000 for n in range(count - 1, -1, -1)], NOON)


def test_nothing_is_due() -> None:
    """Before its time nothing is due, and where it was stays."""
    assert Schedule("0 * * * *").due(0, NOON, NOON + HOUR - 1) == DueSlots([], NOON)
    assert Schedule(every=HOUR).due(NOON, NOON, NOON + HOUR - 1) == DueSlots([], NOON)


def test_for_people() -> None:
    """An expression as it is, an interval in seconds."""
    assert [Schedule("0 3 * * *").text, Schedule(every=90_000).text] == ["0 3 * * *", "every 90s"]
