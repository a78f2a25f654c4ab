"""Fixtures for pytest, which finds them by the entry point `winch` of the package.

Nothing of winch is loaded before a test asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from winch.queue import Queue
    from winch.testing.clock import FakeClock
    from winch.testing.memory import MemoryStore

__all__ = ["winch_clock", "winch_inline", "winch_queue", "winch_store"]


@pytest.fixture
def winch_store() -> Iterator[MemoryStore]:
    """An empty store in memory in which every queue lives during the test, whatever its connection."""
    from winch.testing.memory import MemoryStore, use_store

    store = MemoryStore()
    with use_store(store):
        yield store
    store.close()


@pytest.fixture
def winch_clock(winch_store: MemoryStore) -> FakeClock:
    """The time of `winch_store`: it stands still until it is moved."""
    return winch_store.time


@pytest.fixture
def winch_queue(winch_store: MemoryStore) -> Queue:
    """The queue `default` in `winch_store`."""
    from winch.queue import Queue

    return Queue(connection=winch_store)


@pytest.fixture
def winch_inline(winch_store: MemoryStore) -> Iterator[MemoryStore]:
    """`winch_store`, and every queue runs its jobs at once."""
    from winch.testing.memory import inline

    with inline(winch_store):
        yield winch_store
