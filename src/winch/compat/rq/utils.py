"""`rq.utils`: the public ones of RQ's small helpers."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from winch.callables import import_object
from winch.compat.rq.exceptions import TimeoutFormatError
from winch.errors import InvalidOption
from winch.options import seconds

__all__ = [
    "as_text",
    "current_timestamp",
    "ensure_job_list",
    "get_call_string",
    "import_attribute",
    "is_nonstring_iterable",
    "now",
    "parse_names",
    "parse_timeout",
    "str_to_date",
    "truncate_long_string",
    "utcformat",
    "utcparse",
]

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def parse_timeout(timeout: float | str | timedelta | None) -> int | None:
    """A duration in whole seconds: a number, `"90"`, `"10s"`, `"5m"`, `"1h"`, `"1d"`. None stays None.

    Raises:
        TimeoutFormatError: It is none of these.
    """
    if timeout is None:
        return None
    try:
        return int(seconds(timeout))
    except InvalidOption as error:
        raise TimeoutFormatError(f'{timeout!r:.100} is no time: give seconds, or "10s", "5m", "1h", "1d"') from error


def import_attribute(name: str) -> Any:
    """What a dotted path names.

    Raises:
        ValueError: There is no such thing.
    """
    try:
        return import_object(name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"invalid attribute name: {name}: {error}") from error


def now() -> datetime:
    """The time. Aware, UTC."""
    return datetime.now(UTC)


def current_timestamp() -> int:
    """Seconds since the epoch."""
    return calendar.timegm(time.gmtime())


def utcformat(dt: datetime) -> str:
    """A time as RQ writes it."""
    return dt.astimezone(UTC).strftime(_FORMAT)


def utcparse(string: str) -> datetime:
    """A time from what `utcformat` made."""
    return datetime.strptime(string, _FORMAT).replace(tzinfo=UTC)


def str_to_date(date_str: bytes | str) -> datetime | None:
    """The same of what may be bytes, or nothing."""
    return utcparse(as_text(date_str)) if date_str else None


def as_text(v: bytes | str) -> str:
    """Text of text or UTF-8."""
    return v.decode() if isinstance(v, bytes) else v


def is_nonstring_iterable(obj: object) -> bool:
    """Whether it can be iterated over and is no text."""
    return isinstance(obj, Iterable) and not isinstance(obj, str)


def ensure_job_list(obj: Any) -> list[Any]:
    """A list of one, or of several."""
    return list(obj) if is_nonstring_iterable(obj) else [obj]


def parse_names(queues_or_names: Iterable[Any]) -> list[str]:
    """Names of queues and names."""
    return [as_text(one) if isinstance(one, bytes | str) else one.name for one in queues_or_names]


def truncate_long_string(data: str, max_length: int | None = None) -> str:
    """A text, cut with dots."""
    return data if max_length is None or len(data) <= max_length else f"{data[:max_length]}..."


def get_call_string(
    func_name: str | None, args: Sequence[Any], kwargs: Mapping[str, Any], max_length: int | None = None
) -> str | None:
    """A call as in Python, each argument cut. None without a name."""
    if func_name is None:
        return None
    parts = [truncate_long_string(repr(value), max_length) for value in args]
    parts += [f"{name}={truncate_long_string(repr(kwargs[name]), max_length)}" for name in sorted(kwargs)]
    return f"{func_name}({', '.join(parts)})"
