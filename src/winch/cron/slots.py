"""When a cron expression fires: pure functions from an expression, a zone and a time to the slots that follow.

A slot is a point in time, in milliseconds since the epoch. The times of day come from cronsim, which is given no zone; they are
put on the time line here.

*Fixed times* (hour and minute begin with a digit: `30 2 * * *`, `0 9,17 * * MON-FRI`) follow the calendar. One that a change of
the clocks leaves out fires at the next time that exists, once; one that comes twice fires the first time only.

*Running times* (hour or minute begins with `*`: `*/15 * * * *`, `0 * * * *`) follow the time that passes: an hour that the clocks
leave out fires nothing, and one that comes twice fires twice. So "every quarter of an hour" stays true.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim

__all__ = ["every_slots", "expression_slots", "is_running", "newest", "of_datetime", "to_datetime"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND, _SECOND, _DAY = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(days=1)

_LONGEST_SPAN = 400
"""Days in which the clocks are not changed that are taken together."""

_FIRST_WINDOW, _GROWTH = 120_000, 8
"""Milliseconds in which the newest slots are looked for first, and how much more each time."""


def to_datetime(slot: int, zone: tzinfo = UTC) -> datetime:
    """A slot as a time in a zone."""
    return (_EPOCH + slot * _MILLISECOND).astimezone(zone)


def of_datetime(time: datetime) -> int:
    """A time with a zone as a slot."""
    return (time - _EPOCH) // _MILLISECOND


def every_slots(every: int, anchor: int, after: int) -> Iterator[int]:
    """The slots of an interval that are later than a time, without end: whole intervals later than the anchor.

    Args:
        every: Milliseconds.
        anchor: Milliseconds since the epoch.
        after: Milliseconds since the epoch.
    """
    return itertools.count(anchor + every * max(1, (after - anchor) // every + 1), every)


def expression_slots(expression: str, zone: tzinfo, after: int) -> Iterator[int]:
    """The slots of a cron expression that are later than a time; none if 50 years have none.

    Args:
        expression: Of five fields, or of six with seconds first, as cronsim reads it.
        zone: Whose clock it is about.
        after: Milliseconds since the epoch.

    Raises:
        CronSimError: It is no cron expression.
    """
    start = _EPOCH + after // 1000 * _SECOND
    times = (_running if is_running(expression) else _fixed)(expression, zone, start)
    last = after
    try:
        for time in times:
            if (slot := of_datetime(time)) > last:
                yield slot
                last = slot
    except (OverflowError, ValueError):
        return  # the calendar ends with the year 9999


def newest(slots_after: Callable[[int], Iterator[int]], after: int, until: int, count: int) -> list[int]:
    """The newest slots of a span of time, oldest first.

    Args:
        slots_after: The slots that are later than a time.
        after: Slots are later than this.
        until: Slots are not later than this.
        count: How many, at most.
    """
    window = _FIRST_WINDOW
    while True:
        begin = max(after, until - window)
        found = list(itertools.takewhile(lambda slot: slot <= until, slots_after(begin)))
        if len(found) >= count or begin == after:
            return found[-count:]
        window *= _GROWTH


def is_running(expression: str) -> bool:
    """Whether it is about running times: see the module."""
    minute, hour = expression.split()[-5:-3]
    return minute.startswith("*") or hour.startswith("*")


# ---- fixed times ----------------------------------------------------------------------------------------------------


def _fixed(expression: str, zone: tzinfo, start: datetime) -> Iterator[datetime]:
    """Every time of day once: as far as it exists, and the first of two."""
    for wall in CronSim(expression, start.astimezone(zone).replace(tzinfo=None)):
        time = wall.replace(tzinfo=zone).astimezone(UTC)
        if (
            time.astimezone(zone).replace(tzinfo=None) != wall
        ):  # left out: `time` is as much too late as the gap is long
            time = _change(zone, wall.replace(tzinfo=zone, fold=1).astimezone(UTC), time)
        yield time


# ---- running times --------------------------------------------------------------------------------------------------


def _running(expression: str, zone: tzinfo, start: datetime) -> Iterator[datetime]:
    """Every moment at which the clock shows a time that matches."""
    for begin, end, offset in _spans(zone, start + _SECOND):
        walls = CronSim(expression, begin.replace(tzinfo=None) + offset - _SECOND)
        while True:
            wall = next(walls, None)
            if wall is None:
                return
            time = (wall - offset).replace(tzinfo=UTC)
            if time >= end:
                break
            yield time


def _spans(zone: tzinfo, begin: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Spans of time in which the clocks are not changed, from a time on: begin, end, offset to UTC.

    Most callers need the first slot, which is near: so the first spans are short.
    """
    longest = 1
    while True:
        offset, end = _offset(zone, begin), begin
        for _ in range(longest):
            day, end = end, end + _DAY
            if _offset(zone, end) != offset:
                end = _change(zone, day, end)
                break
        yield begin, end, offset
        begin, longest = end, min(longest * 4, _LONGEST_SPAN)


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """The moment, in whole seconds, at which the clocks are changed between two times."""
    offset = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: tzinfo, time: datetime) -> timedelta:
    return time.astimezone(zone).utcoffset() or timedelta()
