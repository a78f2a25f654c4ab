"""When cron expressions fire: tables over zones, years and changes of the clock. Nothing here sleeps or reads a clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from winch.cron.slots import every_slots, expression_slots, is_running, newest, of_datetime, to_datetime

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def at(text: str, zone: str = "UTC") -> int:
    """A time of day in a zone as a slot; with an offset in the text that one counts."""
    time = datetime.fromisoformat(text)
    return of_datetime(time if time.tzinfo else time.replace(tzinfo=ZoneInfo(zone)))


def following(expression: str, zone: str, after: str, count: int) -> list[str]:
    """The next slots after a time, as the clock there shows them."""
    where = ZoneInfo(zone)
    return [
        to_datetime(slot, where).isoformat()
        for slot in islice(expression_slots(expression, where, at(after, zone)), count)
    ]


# ---- fixed times ----------------------------------------------------------------------------------------------------

# What the clocks leave out fires at the next time that exists, once.
GAPS = [
    ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]),
    ("Europe/Berlin", "0 2 * * *", "2026-03-28T12:00", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"]),
    ("Europe/Berlin", "59 1 * * *", "2026-03-28T12:00", ["2026-03-29T01:59:00+01:00", "2026-03-30T01:59:00+02:00"]),
    ("Europe/Berlin", "0 3 * * *", "2026-03-28T12:00", ["2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"]),
    ("Europe/Berlin", "15,45 2 * * *", "2026-03-28T12:00", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:15:00+02:00"]),
    ("Europe/Berlin", "30 2,3 * * *", "2026-03-28T12:00", ["2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"]),
    ("Europe/Berlin", "5 30 2 * * *", "2026-03-28T12:00", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:05+02:00"]),
    ("America/New_York", "30 2 * * *", "2026-03-07T12:00", ["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"]),
    ("America/New_York", "30 2 8 3 *", "2026-01-01T00:00", ["2026-03-08T03:00:00-04:00", "2027-03-08T02:30:00-05:00"]),
    (
        "Australia/Lord_Howe",
        "15 2 * * *",
        "2026-10-03T12:00",
        ["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
    ),
    (
        "Australia/Lord_Howe",
        "45 2 * * *",
        "2026-10-03T12:00",
        ["2026-10-04T02:45:00+11:00", "2026-10-05T02:45:00+11:00"],
    ),
    ("Africa/Cairo", "0 0 * * *", "2026-04-23T12:00", ["2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"]),
    ("America/Santiago", "0 0 * * *", "2026-09-05T12:00", ["2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"]),
    ("Pacific/Apia", "0 12 * * *", "2011-12-29T06:00", ["2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00"]),
    ("Europe/Berlin", "30 2 * * *", "2050-03-26T12:00", ["2050-03-27T03:00:00+02:00", "2050-03-28T02:30:00+02:00"]),
    ("Europe/London", "30 1 * * *", "1995-03-25T12:00", ["1995-03-26T02:00:00+01:00", "1995-03-27T01:30:00+01:00"]),
]

# What comes twice fires the first time.
OVERLAPS = [
    ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]),
    ("Europe/Berlin", "0 3 * * *", "2026-10-24T12:00", ["2026-10-25T03:00:00+01:00", "2026-10-26T03:00:00+01:00"]),
    ("Europe/Berlin", "7 30 2 * * *", "2026-10-24T12:00", ["2026-10-25T02:30:07+02:00", "2026-10-26T02:30:07+01:00"]),
    ("America/New_York", "30 1 * * *", "2026-10-31T12:00", ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"]),
    ("America/New_York", "30 1 * * *", "2026-11-01T01:40:00-04:00", ["2026-11-02T01:30:00-05:00"]),
    ("America/New_York", "30 1 * * *", "2026-11-01T01:10:00-05:00", ["2026-11-02T01:30:00-05:00"]),
    ("America/New_York", "0 1,2 * * *", "2026-10-31T12:00", ["2026-11-01T01:00:00-04:00", "2026-11-01T02:00:00-05:00"]),
    (
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2026-04-04T12:00",
        ["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"],
    ),
    ("Europe/Berlin", "30 2 * * *", "2060-10-30T12:00", ["2060-10-31T02:30:00+02:00", "2060-11-01T02:30:00+01:00"]),
]


@pytest.mark.parametrize(("zone", "expression", "after", "expected"), [*GAPS, *OVERLAPS])
def test_fixed_times(zone: str, expression: str, after: str, expected: list[str]) -> None:
    """A time of day fires once a day, also on the days on which the clocks are changed."""
    assert following(expression, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
)
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
def test_once_a_day(zone: str, hour: int) -> None:
    """In twenty years a daily time fires once on each day, in every zone."""
    where, begin = ZoneInfo(zone), at("2026-01-01T00:00", zone) - 1
    slots = islice(expression_slots(f"30 {hour} * * *", where, begin), 20 * 365)
    days = [to_datetime(slot, where).date() for slot in slots]
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]


# ---- running times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "Africa/Casablanca", "UTC"]
)
@pytest.mark.parametrize(("expression", "step"), [("*/30 * * * *", 30 * MINUTE), ("0 * * * *", HOUR)])
def test_running_times_go_on(zone: str, expression: str, step: int) -> None:
    """What runs every so often does so through all changes of the clock of a year: no hour is left out, none doubled."""
    begin = at("2026-01-01T00:00", zone) - 1
    slots = list(islice(expression_slots(expression, ZoneInfo(zone), begin), 366 * DAY // step))
    assert {later - sooner for sooner, later in pairwise(slots)} == {step}


RUNNING = [
    ("Australia/Lord_Howe", "0 * * * *", "2026-10-04T00:30", ["01:00:00+10:30", "03:00:00+11:00", "04:00:00+11:00"]),
    ("Australia/Lord_Howe", "*/20 3 * * *", "2026-10-04T00:30", ["03:00:00+11:00", "03:20:00+11:00", "03:40:00+11:00"]),
    ("Australia/Lord_Howe", "*/15 * * * *", "2026-04-05T01:40:00+11:00", ["01:45:00+11:00", "01:30:00+10:30"]),
    ("Europe/Berlin", "*/30 2 * * *", "2026-03-28T12:00", ["02:00:00+02:00", "02:30:00+02:00"]),
    ("Europe/Berlin", "*/30 2 * * *", "2026-10-25T00:00", ["02:00:00+02:00", "02:30:00+02:00", "02:00:00+01:00"]),
    ("Europe/Berlin", "0 */2 * * *", "2026-03-29T00:00", ["04:00:00+02:00", "06:00:00+02:00"]),
    ("Europe/Berlin", "*/30 * * * * *", "2026-03-29T01:59:40", ["03:00:00+02:00", "03:00:30+02:00"]),
    ("America/New_York", "*/30 0 29 2 *", "2097-01-01T00:00", ["00:00:00-05:00", "00:30:00-05:00", "00:00:00-05:00"]),
]


@pytest.mark.parametrize(("zone", "expression", "after", "expected"), RUNNING)
def test_running_times(zone: str, expression: str, after: str, expected: list[str]) -> None:
    """What runs every so often follows the clock as it is shown: what is not shown does not fire."""
    assert [slot.partition("T")[2] for slot in following(expression, zone, after, len(expected))] == expected


@pytest.mark.parametrize(
    ("expression", "running"),
    [
        ("*/5 * * * *", True),
        ("0 * * * *", True),
        ("0 */2 * * *", True),
        ("* 3 * * *", True),
        ("*/10 0 * * * *", True),
        ("0 3 * * *", False),
        ("0-59 3 * * *", False),
        ("*/10 0 3 * * *", False),
        ("0 9,17 * * MON", False),
    ],
)
def test_which_are_which(expression: str, running: bool) -> None:
    """Minute and hour decide, whatever stands before and behind them."""
    assert is_running(expression) is running


# ---- the calendar ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 29 2 *", "2096-02-29T00:00", ["2104-02-29T00:00:00+00:00", "2108-02-29T00:00:00+00:00"]),
        ("0 0 29 2 *", "2026-01-01T00:00", ["2028-02-29T00:00:00+00:00", "2032-02-29T00:00:00+00:00"]),
        ("0 12 31 * *", "2026-01-31T12:00", ["2026-03-31T12:00:00+00:00", "2026-05-31T12:00:00+00:00"]),
        ("0 12 L * *", "2028-02-01T00:00", ["2028-02-29T12:00:00+00:00", "2028-03-31T12:00:00+00:00"]),
        ("14 3 19 1 *", "2037-06-01T00:00", ["2038-01-19T03:14:00+00:00", "2039-01-19T03:14:00+00:00"]),
        ("8 14 3 19 1 *", "2038-01-19T03:14:07", ["2038-01-19T03:14:08+00:00"]),
        ("0 0 1 1 *", "2099-12-31T23:59", ["2100-01-01T00:00:00+00:00", "2101-01-01T00:00:00+00:00"]),
        ("0 0 * * MON#1", "2026-11-25T00:00", ["2026-12-07T00:00:00+00:00", "2027-01-04T00:00:00+00:00"]),
        ("0 0 1 1 *", "9998-06-01T00:00", ["9999-01-01T00:00:00+00:00"]),
        ("0 0 1 1 *", "1969-06-01T00:00", ["1970-01-01T00:00:00+00:00", "1971-01-01T00:00:00+00:00"]),
    ],
)
def test_the_calendar(expression: str, after: str, expected: list[str]) -> None:
    """Leap days, last days, the year 2038 and the ends of the calendar."""
    assert following(expression, "UTC", after, len(expected)) == expected


def test_seconds_stand_first() -> None:
    """Six fields put seconds first; five begin every minute at its start."""
    assert following("*/20 * * * * *", "UTC", "2026-11-25T00:00:00", 3) == [
        "2026-11-25T00:00:20+00:00",
        "2026-11-25T00:00:40+00:00",
        "2026-11-25T00:01:00+00:00",
    ]
    assert following("* * * * *", "UTC", "2026-11-25T00:00:00", 1) == ["2026-11-25T00:01:00+00:00"]


def test_later_than() -> None:
    """A slot is later than the time that was given, to the millisecond."""
    noon = at("2026-11-25T12:00")
    for after, expected in ((noon - 1, noon), (noon, noon + DAY), (noon + 1, noon + DAY), (noon - 999, noon)):
        assert next(expression_slots("0 12 * * *", UTC, after)) == expected
        assert next(expression_slots("0 12 * * *", ZoneInfo("Africa/Abidjan"), after)) == expected
    assert next(expression_slots("* * * * * *", UTC, noon + 1)) == noon + SECOND


def test_never() -> None:
    """What never comes has no slots, and that is found out in time."""
    assert list(expression_slots("* * */20 * 1L", UTC, at("2026-01-01T00:00"))) == []
    assert list(expression_slots("*/5 * * * *", UTC, at("9999-12-31T23:59"))) == []


FIELDS = st.tuples(
    st.sampled_from(["0", "*/7", "30", "5,50", "10-20", "*"]),
    st.sampled_from(["*", "0", "3", "*/5", "8-17", "23"]),
    st.sampled_from(["*", "1", "15", "31", "L", "*/9"]),
    st.sampled_from(["*", "JAN,JUL", "*/5"]),
    st.sampled_from(["*", "MON", "0", "1-5", "5L"]),
)


@given(fields=FIELDS, after=st.integers(at("2000-01-01T00:00"), at("2080-01-01T00:00")))
def test_as_cronsim_where_clocks_stay(fields: tuple[str, ...], after: int) -> None:
    """In a zone without changes of the clock the slots are those that cronsim finds."""
    expression = " ".join(fields)
    expected = list(islice(CronSim(expression, to_datetime(after)), 3))
    assert [to_datetime(slot) for slot in islice(expression_slots(expression, UTC, after), 3)] == expected


@given(
    fields=FIELDS,
    after=st.integers(at("2025-01-01T00:00"), at("2060-01-01T00:00")),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_slots_rise(fields: tuple[str, ...], after: int, zone: str) -> None:
    """Slots rise, are later than asked for, and those after any of them are the rest: nothing hangs on where one begins."""
    expression, where = " ".join(fields), ZoneInfo(zone)
    slots = list(islice(expression_slots(expression, where, after), 8))
    assert slots == sorted(set(slots))
    assert all(slot > after for slot in slots)
    for n, slot in enumerate(slots[:-1]):
        assert next(expression_slots(expression, where, slot)) == slots[n + 1]
        assert next(expression_slots(expression, where, slots[n + 1] - 1)) == slots[n + 1]


# ---- intervals, and the newest --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (0, [1_700, 2_400]),
        (1_000, [1_700, 2_400]),
        (1_699, [1_700, 2_400]),
        (1_700, [2_400, 3_100]),
        (9_999, [10_100, 10_800]),
    ],
)
def test_intervals(after: int, expected: list[int]) -> None:
    """An interval is counted from its anchor: the first slot is one interval later, whenever one asks."""
    assert list(islice(every_slots(700, 1_000, after), 2)) == expected


@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("expression", ["* * * * * *", "*/7 * * * *", "0 3 * * *", "0 0 1 1 *"])
def test_the_newest(expression: str, count: int) -> None:
    """The newest slots of a span are the last of all its slots, oldest first."""
    until, spans = at("2026-11-25T10:20:30"), {"* * * * * *": HOUR, "*/7 * * * *": DAY}
    after = until - spans.get(expression, 3 * 366 * DAY)

    def slots(begin: int) -> Iterator[int]:
        return expression_slots(expression, UTC, begin)

    every = [slot for slot in islice(slots(after), 4_000) if slot <= until]
    assert newest(slots, after, until, count) == every[-count:]


def test_none_is_the_newest() -> None:
    """A span without a slot has no newest."""
    assert (
        newest(
            lambda begin: expression_slots("0 3 * * *", UTC, begin), at("2026-01-01T04:00"), at("2026-01-02T02:00"), 5
        )
        == []
    )


def test_years_of_seconds() -> None:
    """The newest of ten years of seconds are found without looking at all of them."""
    until = at("2026-11-25T10:20:30")
    found = newest(lambda begin: expression_slots("* * * * * *", UTC, begin), until - 3_650 * DAY, until, 100)
    assert found == [until - n * SECOND for n in range(99, -1, -1)]
