"""Waiting for jobs to end: one thread per process and store serves everybody who waits, in threads and in event loops.

1. Somebody gives an id and a function to be told (`watch`).
2. The thread waits for all ids at once with `store.await_end`, and is woken when another comes.
3. Who waits for a job that ended is told its record; None if the job is unknown; the error if the store fails.
4. With nobody waiting for a while the thread leaves; the next one starts a new one.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from itertools import count
from typing import TypeAlias

from winch.polling import readable
from winch.stores.contract import JobRecord, Store

__all__ = ["Ended", "end_waiter", "wait_for_end"]

Ended: TypeAlias = "JobRecord | BaseException | None"
Deliver: TypeAlias = Callable[[Ended], None]

IDLE = 30.0
"""Seconds with nobody waiting after which the thread leaves."""

ROUND = 30.0
"""Seconds that one `await_end` may take."""


class EndWaiter:
    """See the module.

    Args:
        store: Whose jobs.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[int, Deliver]] = {}
        self._numbers = count()
        self._thread: threading.Thread | None = None
        self._ring, self._bell = socket.socketpair()
        self._ring.setblocking(False)
        self._bell.setblocking(False)

    def watch(self, job_id: str, deliver: Deliver) -> tuple[str, int]:
        """Call `deliver` once, on the waiter's thread, when the job has ended. Returns what `forget` takes."""
        with self._lock:
            ticket = (job_id, next(self._numbers))
            known = job_id in self._waiting
            self._waiting.setdefault(job_id, {})[ticket[1]] = deliver
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="winch-waiter", daemon=True)
                self._thread.start()
        if not known:
            self._wake()
        return ticket

    def forget(self, ticket: tuple[str, int]) -> None:
        """Nobody waits on this ticket any more."""
        job_id, number = ticket
        with self._lock:
            delivers = self._waiting.get(job_id, {})
            delivers.pop(number, None)
            gone = not delivers and self._waiting.pop(job_id, None) is not None
        if gone:
            self._wake()

    def close(self) -> None:
        """Release the descriptors. Nobody may wait any more."""
        self._ring.close()
        self._bell.close()

    @property
    def waiting(self) -> int:
        """How many jobs are waited for."""
        return len(self._waiting)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a full buffer wakes as well
            self._ring.send(b"!")

    def _run(self) -> None:
        while True:
            with self._lock:
                ids = list(self._waiting)
            if ids:
                self._round(ids)
            elif not self._sleep():
                with self._lock:
                    if not self._waiting:
                        self._thread = None
                        return

    def _sleep(self) -> bool:
        """Until somebody comes. False: nobody came."""
        came = bool(readable([self._bell], IDLE))
        self._hush()
        return came

    def _hush(self) -> bool:
        try:
            return bool(self._bell.recv(4096))
        except BlockingIOError:
            return False

    def _round(self, ids: list[str]) -> None:
        try:
            records = self.store.await_end(ids, ROUND, self._bell.fileno())
            woken = self._hush()
            for record in records:
                self._tell(record.id, record)
            if not records and not woken:  # nothing, or all that is left is unknown
                self._sort_out(ids)
        except Exception as error:
            for job_id in ids:
                self._tell(job_id, error)

    def _sort_out(self, ids: list[str]) -> None:
        """Tell those who wait for jobs that do not exist."""
        for start in range(0, len(ids), 1000):
            chunk = ids[start : start + 1000]
            for job_id, record in zip(chunk, self.store.get(chunk), strict=True):
                if record is None:
                    self._tell(job_id, None)

    def _tell(self, job_id: str, ended: Ended) -> None:
        with self._lock:
            delivers = self._waiting.pop(job_id, {})
        for deliver in delivers.values():
            deliver(ended)


_waiters: dict[int, EndWaiter] = {}
_guard = threading.Lock()


def _after_fork() -> None:
    """The thread did not come along into the child."""
    global _guard  # noqa: PLW0603
    _guard = threading.Lock()
    for waiter in _waiters.values():
        waiter.close()
    _waiters.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def end_waiter(store: Store) -> EndWaiter:
    """The waiter of this process for this store."""
    with _guard:
        waiter = _waiters.get(id(store))
        if waiter is None:
            waiter = _waiters[id(store)] = EndWaiter(store)  # holds the store, so that its id stays its own
        return waiter


def wait_for_end(store: Store, job_id: str, timeout: float | None) -> Ended:
    """Block until a job has ended.

    Args:
        store: Where it is.
        job_id: Which.
        timeout: Seconds, None is without end.

    Returns:
        Its record, None if there is no such job.

    Raises:
        TimeoutError: It has not ended in time.
        StoreUnavailable: The store does not answer.
    """
    told = threading.Event()
    answer: list[Ended] = []

    def deliver(ended: Ended) -> None:
        answer.append(ended)
        told.set()

    waiter = end_waiter(store)
    ticket = waiter.watch(job_id, deliver)
    try:
        if not told.wait(timeout):
            raise TimeoutError
    finally:
        waiter.forget(ticket)
    if isinstance(answer[0], BaseException):
        raise answer[0]
    return answer[0]
