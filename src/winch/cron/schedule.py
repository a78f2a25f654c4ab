"""When an entry fires: a cron expression or an interval, the zone, and what becomes of slots that were missed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from winch.cron.slots import every_slots, expression_slots, newest
from winch.errors import DecodeError, InvalidOption
from winch.options import Duration, seconds

__all__ = ["MISSED_AFTER", "MOST_MISSED", "DueSlots", "Misfire", "Schedule", "find_zone"]

Misfire: TypeAlias = Literal["skip", "once", "all"]
"""What becomes of slots at which nobody was there to fire them: see `Schedule`."""

MOST_MISSED = 100
"""How many missed slots `all` fires, the newest."""

MISSED_AFTER = 60_000
"""Milliseconds after which `skip` takes a slot for missed."""

_ALIASES: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST = 200
"""Characters of an expression."""


class DueSlots(NamedTuple):
    """What there is to fire.

    Attributes:
        slots: Milliseconds since the epoch, oldest first.
        upto: Slots up to this time are done with once these have fired.
    """

    slots: list[int]
    upto: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an entry fires. Made by `of`, which checks it.

    Attributes:
        cron: An expression of five fields, or of six with seconds first; `""` for an interval.
        every: An interval in milliseconds, counted from the creation of the entry; 0 for an expression.
        zone: The IANA name of the zone whose clock the expression is about.
        misfire: `once` fires the newest slot of those that were missed, `skip` none that is more than a minute old, a number
            the newest so many (`all` is 100), oldest first.
    """

    cron: str = ""
    every: int = 0
    zone: str = "UTC"
    misfire: Misfire | int = "once"

    @classmethod
    def of(
        cls,
        cron: str | None = None,
        every: Duration | None = None,
        zone: str | ZoneInfo = "UTC",
        misfire: Misfire | int = "once",
    ) -> Schedule:
        """Check what was asked for.

        Raises:
            InvalidOption: One of these cannot be used.
        """
        found = cls._read(cron, every, zone.key if isinstance(zone, ZoneInfo) else zone, misfire)
        if found.next_slot(0, 0) is None:
            raise InvalidOption(f"cron={cron!r} never comes: there is no such day")
        return found

    @classmethod
    def _read(cls, cron: str | None, every: Duration | None, zone: str, misfire: Misfire | int) -> Schedule:
        if (cron is None) == (every is None):
            raise InvalidOption('give cron="0 3 * * *" or every="10m", one of them')
        find_zone(zone)
        _check_misfire(misfire)
        if every is not None:
            return cls(every=_interval(every), zone=zone, misfire=misfire)
        return cls(cron=_expression(cron), zone=zone, misfire=misfire)

    def slots(self, anchor: int, after: int) -> Iterator[int]:
        """The slots that are later than a time.

        Args:
            anchor: When the entry was created, milliseconds since the epoch.
            after: Milliseconds since the epoch.
        """
        if self.every:
            return every_slots(self.every, anchor, after)
        return expression_slots(self.cron, find_zone(self.zone), after)

    def next_slot(self, anchor: int, after: int) -> int | None:
        """The first slot that is later than a time, None if there is none."""
        return next(self.slots(anchor, after), None)

    def due(self, anchor: int, after: int, now: int) -> DueSlots:
        """Which slots to fire of those that have come since.

        Args:
            anchor: As in `slots`.
            after: The last slot that is done with.
            now: Milliseconds since the epoch.
        """
        count = {"skip": 1, "once": 1, "all": MOST_MISSED}.get(str(self.misfire)) or int(self.misfire)
        found = newest(lambda begin: self.slots(anchor, begin), after, now, count)
        if self.misfire == "skip" and found and found[-1] < now - MISSED_AFTER:
            return DueSlots([], found[-1])
        return DueSlots(found, found[-1] if found else after)

    @property
    def text(self) -> str:
        """For people: the expression, or `every 30s`."""
        return self.cron or f"every {self.every / 1000:g}s"

    def pack(self) -> bytes:
        """The schedule as bytes: the same for equal schedules."""
        default = asdict(Schedule())
        given = {name: value for name, value in asdict(self).items() if value != default[name]}
        return json.dumps(given, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Schedule:
        """The schedule that `pack` packed.

        Raises:
            DecodeError: It is damaged, written by a newer winch, or about a zone that is not known here.
        """
        try:
            given: dict[str, Any] = {"cron": None, "zone": "UTC", "misfire": "once", **json.loads(data)}
            return cls._read(every=given.pop("every", 0) / 1000 or None, **given)
        except (ValueError, TypeError) as error:
            raise DecodeError(f"its schedule cannot be read here: {error}") from error


@lru_cache(maxsize=256)
def find_zone(name: str) -> tzinfo:
    """A time zone.

    Raises:
        InvalidOption: There is none of that name here.
    """
    if name == "UTC":
        return UTC  # also where there is no data about zones
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise InvalidOption(
            f"there is no time zone {name!r:.100} here: names are like Europe/Berlin. "
            "If it is one, this system has no data about zones: pip install tzdata"
        ) from None


def _expression(text: Any) -> str:
    if not isinstance(text, str):
        raise InvalidOption(f"cron={text!r}: give a text")
    expression = " ".join(text.split())
    if expression.startswith("@"):
        if expression.lower() not in _ALIASES:
            raise InvalidOption(f"cron={text!r:.100}: there are {', '.join(_ALIASES)}")
        return _ALIASES[expression.lower()]
    fields = len(expression.split())
    if len(expression) > _LONGEST:
        raise InvalidOption(f"cron={text!r:.100} is longer than {_LONGEST} characters")
    if fields not in (5, 6):
        raise InvalidOption(
            f"cron={text!r:.100} has {fields} field(s): it is minute, hour, day, month, weekday; "
            "with six fields a second stands first"
        )
    try:
        CronSim(expression, datetime(1970, 1, 1, tzinfo=UTC))
    except (CronSimError, ValueError, AssertionError) as error:
        raise InvalidOption(f"cron={text!r:.100} cannot be read: {error}") from None
    return expression


def _interval(every: Duration) -> int:
    number = seconds(every, "every")
    if number < 1:
        raise InvalidOption(f"every={every!r}: at least one second")
    return round(number * 1000)


def _check_misfire(misfire: object) -> None:
    number = misfire if isinstance(misfire, int) and not isinstance(misfire, bool) else 0
    if misfire not in get_args(Misfire) and not 1 <= number <= 10_000:
        raise InvalidOption(
            f'misfire={misfire!r}: it is "skip", "once", "all", or how many missed slots to make up for'
        )
