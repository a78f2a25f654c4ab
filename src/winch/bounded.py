"""A bound for what is remembered by name: who enqueues chooses the names, and may make them up."""

from __future__ import annotations

from typing import Any

__all__ = ["MAX_KNOWN", "make_room"]

MAX_KNOWN = 10_000
"""More than a project has functions. What is forgotten is learned again."""


def make_room(known: dict[str, Any] | set[str]) -> None:
    """Call it before a name is added: what is full is emptied."""
    if len(known) >= MAX_KNOWN:
        known.clear()
