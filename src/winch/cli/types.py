"""The kinds of values that options take. click calls these with the text that was typed, and shows their names."""

from __future__ import annotations

import re
from datetime import datetime

import click

from winch.errors import InvalidOption
from winch.options import seconds

__all__ = ["duration", "moment", "size"]

UNITS = ("", "K", "M", "G", "T")


def duration(text: str) -> float:
    """Seconds, written `30`, `1.5`, `30s`, `5m`, `2h` or `7d`; `-1` means without end where that is possible."""
    try:
        return seconds(text)
    except InvalidOption:
        raise click.BadParameter(
            f"{text!r} is no duration of at most a hundred years. Give seconds, or a number with a unit: 30, 30s, 5m, 2h, 7d."
        ) from None


def size(text: str) -> int:
    """Bytes, written `1000000`, `512MB`, `1.5G` (powers of 1000) or `512MiB` (powers of 1024)."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?", text.strip().upper())
    if found is None or (found[3] and not found[2]):
        raise click.BadParameter(f"{text!r} is no size. Give bytes, or a number with a unit: 512MB, 1.5GB, 512MiB.")
    return int(float(found[1]) * (1_024 if found[3] else 1_000) ** UNITS.index(found[2]))


def moment(text: str) -> datetime:
    """A point in time in ISO 8601; without a zone it is local time."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time in ISO 8601, like 2027-05-01T08:30 or 2027-05-01T08:30+02:00."
        ) from None
