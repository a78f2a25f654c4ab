"""Durations, sizes and moments as the command line reads them."""

from datetime import UTC, datetime

import click
import pytest

from winch.cli.types import duration, moment, size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("1.5", 1.5), ("30s", 30), ("5m", 300), ("2h", 7_200), ("7d", 604_800), (" 5M ", 300), ("-1", -1)],
)
def test_duration(text: str, seconds: float) -> None:
    """A duration is seconds, or a number with a unit."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "5w", "1e3", "nan"])
def test_no_duration(text: str) -> None:
    """Anything else is a usage error that shows how to write one."""
    with pytest.raises(click.BadParameter, match="30s, 5m"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1000000", 1_000_000),
        ("512MB", 512_000_000),
        ("512m", 512_000_000),
        ("1.5G", 1_500_000_000),
        ("512MiB", 512 * 1024**2),
        ("2 kib", 2_048),
        ("3b", 3),
        ("1T", 10**12),
    ],
)
def test_size(text: str, number: int) -> None:
    """A size is bytes, or a number with a unit: MB is 1000 * 1000, MiB is 1024 * 1024."""
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "big", "512X", "-5M", "5iB"])
def test_no_size(text: str) -> None:
    """Anything else is a usage error that shows how to write one."""
    with pytest.raises(click.BadParameter, match="512MB"):
        size(text)


def test_moment() -> None:
    """A time with a zone is that moment; without one it is local time."""
    assert moment("2027-05-01T08:30+02:00") == datetime(2027, 5, 1, 6, 30, tzinfo=UTC)
    local = datetime(2027, 5, 1, 8, 30).astimezone()
    assert moment("2027-05-01T08:30") == local


def test_no_moment() -> None:
    """Anything else is a usage error that shows how to write one."""
    with pytest.raises(click.BadParameter, match="2027-05-01T08:30"):
        moment("tomorrow")
