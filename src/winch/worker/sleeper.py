"""How an executor sleeps: until the store hints that there may be work, a lane has news, or the supervisor says something."""

from __future__ import annotations

from winch.polling import Pipe, Source, readable
from winch.stores.contract import Store
from winch.worker.desk import Desk
from winch.worker.settings import WorkerSettings
from winch.worker.stopping import Stopping
from winch.worker.vitals import Vitals

__all__ = ["Sleeper"]


class Sleeper:
    """See the module.

    Args:
        settings: Of the worker.
        store: Whose hints it waits for.
        desk, vitals, stopping: Of the executor.
        pipe: Woken by whoever else wants the executor to look.
    """

    def __init__(
        self, settings: WorkerSettings, store: Store, desk: Desk, vitals: Vitals, stopping: Stopping, pipe: Pipe
    ) -> None:
        self._queues, self._ttl = settings.queues, int(settings.worker_ttl * 1e9)
        self._store, self._desk, self._vitals = store, desk, vitals
        self._stopping, self._pipe = stopping, pipe
        self._waiter, self._stale = store.waiter(settings.queues), False

    def sleep(self, room: int, at_most: float | None) -> None:
        """Sleep until there may be something to do, a stop is requested or the lease ends.

        Args:
            room: How many jobs to ask for if there is a hint; 0 waits for none.
            at_most: Seconds; None leaves it to the store.
        """
        if room:
            self._listen()
        sources: list[Source] = [self._pipe, *([self._waiter] if room else [])]
        while not self._stopping.requested and self._vitals.lease_holds():
            ready = readable(sources, self._longest(room) if at_most is None else at_most)
            if self._pipe.fileno() in ready:
                self._pipe.drain()
                return
            if not room or self._is_hint(bool(ready), room):
                return

    def nap(self, seconds: float) -> None:
        """Wait for the lanes and the supervisor only, so many seconds at most."""
        readable([self._pipe], seconds)
        self._pipe.drain()

    def _is_hint(self, came: bool, room: int) -> bool:
        """Whether there may be work. Where the descriptor alone tells, the turn is sent first and the hint read meanwhile."""
        if not came or self._waiter.poll is not None:
            return self._waiter.take()
        self._desk.send(room)
        self._waiter.take()
        return True

    def _longest(self, room: int) -> float:
        poll = self._waiter.poll if room else None
        lease = max(self._vitals.ttl_left(self._ttl) / 1e9, 0.1)  # an executor whose lease ends has to notice it
        return lease if poll is None else min(poll, lease)

    # ---- the store's hints ----

    def _listen(self) -> None:
        if self._stale:
            self._stale = False
            self.stop_listening()
            self._waiter.close()
            self._waiter = self._store.waiter(self._queues)
        self._waiter.arm()

    def stop_listening(self) -> None:
        """Be told of no more hints. One that came meanwhile is passed on: a turn does that."""
        if self._waiter.disarm():
            self._desk.turn(0)

    def reconnect(self) -> None:
        """The store was away: listen anew, the connection may be dead without having noticed. Called on the watch's thread."""
        self._stale = True
        self._pipe.wake()

    def close(self) -> None:
        """Release the connection."""
        self._waiter.close()
