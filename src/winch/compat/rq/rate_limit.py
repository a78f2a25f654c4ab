"""`rq.rate_limit`."""

from __future__ import annotations

from dataclasses import dataclass

from winch.options import Limit

__all__ = ["RateLimit"]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many jobs of a key at a time; the others wait in the order in which they came.

    Args:
        key: What they share.
        concurrency: How many may run, at least 1.

    Raises:
        ValueError: A value is out of range.
    """

    key: str
    concurrency: int

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        _ = self.plain

    @property
    def plain(self) -> Limit:
        """As winch takes it."""
        return Limit(self.key, concurrency=self.concurrency)
