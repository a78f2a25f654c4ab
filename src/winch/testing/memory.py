"""A store for a test, and how every queue comes to use it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from winch.job.connecting import current_stand_in, stand_in
from winch.queue.inlining import inline_everywhere
from winch.stores.contract import Store
from winch.stores.sqlite import SQLiteStore
from winch.testing.clock import FakeClock

__all__ = ["MemoryStore", "inline", "use_store"]


class MemoryStore(SQLiteStore):
    """A store in the memory of this process whose time stands still: the embedded one, with all its rules.

    Attributes:
        time: Its clock.

    Args:
        clock: Another one than a new `FakeClock()`.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.time = clock or FakeClock()
        super().__init__(None, clock=self.time)


@contextmanager
def use_store(store: Store | None = None) -> Generator[Store]:
    """While this lasts every queue lives in this store, whatever its connection: nothing reaches a server.

    A queue that was given a Store object itself keeps it.

    Args:
        store: None makes a `MemoryStore`, and closes it in the end.
    """
    if store is not None:
        with stand_in(store):
            yield store
        return
    made = MemoryStore()
    try:
        with stand_in(made):
            yield made
    finally:
        made.close()


@contextmanager
def inline(store: Store | None = None) -> Generator[Store]:
    """While this lasts every queue of this process runs its jobs at once, in the call that enqueues them.

    As with `Queue(is_async=False)`: retries and callbacks run too, what a job raises is recorded and not raised, and what is
    due later waits, for `drain(until=...)` for one.

    Args:
        store: Where the jobs are kept. None is the store of `use_store` that is in force, else a new `MemoryStore`.
    """
    with use_store(store or current_stand_in()) as used, inline_everywhere():
        yield used
