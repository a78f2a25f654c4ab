"""The supervisor's thread for everything that it says to the store: beats first, then tasks, due jobs, the cron table.

The supervisor's main thread never waits for the store. It hands tasks to the clerk, and the clerk hands answers back as
functions to call (`post`). While the store is gone the clerk repeats: a beat under its number, a task until it succeeds.
"""

from __future__ import annotations

import contextlib
import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from winch.errors import NotEnlisted, StoreError, StoreRefused, StoreReplaced, StoreUnavailable
from winch.ids import new_id
from winch.polling import Pipe, readable_until
from winch.stores.contract import Beat, Call, Store, Waiter, WorkerInfo
from winch.worker.crontab import CronTab, Firing
from winch.worker.identity import is_gone
from winch.worker.vitals import clock

__all__ = ["GIVEN_UP", "Clerk"]

T = TypeVar("T")
Post = Callable[[Callable[[], None]], None]

logger = logging.getLogger("winch.worker")

GIVEN_UP = "the store had given up on this worker"

_LONGEST_PAUSE = 2.0
"""Seconds between two attempts while the store is gone."""


class Clerk(threading.Thread):
    """See the module.

    Attributes:
        steps: Grows with everything that it does: a clerk whose steps stand still hangs in a call that does not return.
        failed: Its thread has ended by an error of our own.
        quiet: What the next beat says of the worker; set by the main thread.

    Args:
        store: Of its own.
        info: The worker.
        executors: Names the living executors.
        post: Has the main thread call a function.
        on_beat: Called on the main thread with each answer and the `clock()` at which its request was first sent.
        on_lost: Called on the main thread, with the reason, when the worker has to come back under a new id.
        on_back: Called on the main thread when the store answers again after it did not.
        former: The worker's id before this one, `""` if there was none.
    """

    def __init__(
        self,
        store: Store,
        info: WorkerInfo,
        executors: Callable[[], Sequence[str]],
        post: Post,
        on_beat: Callable[[Beat, int], None],
        on_lost: Callable[[str], None],
        on_back: Callable[[], None],
        former: str = "",
    ) -> None:
        super().__init__(name="winch-clerk", daemon=True)
        self._store, self._info, self._executors, self._post = store, info, executors, post
        self._on_beat, self._on_lost, self._on_back = on_beat, on_lost, on_back
        self._former = former
        self.steps = 0
        self.quiet = False
        self._tasks: deque[tuple[Callable[[Store], Any], Callable[[Any], None]]] = deque()
        self._pipe = Pipe()
        self._enlisting: Call | None = Call(new_id(), 1)
        self._stopped = threading.Event()
        self._number = 0
        self._repeated = False
        self._request: tuple[Sequence[str], int, Sequence[str], bool] | None = None
        self._first_sent = 0
        self._beat_at = 0.0
        self._due_at: float | None = None
        self._has_promoted = self.failed = False
        self._looked_at = 0.0
        self._cron = CronTab()
        self._store_ahead = 0.0
        self._cron_version: int = 0
        self._acknowledged = 0
        self._failures = 0
        self._gone_since: float | None = None
        self._leaving = False

    # ---- called by the main thread ----

    @property
    def known_as(self) -> str:
        """The id under which the store knows, or knew last, this worker; `""` if it never did."""
        return self._former if self._enlisting is not None else self._info.id

    def ask(self, task: Callable[[Store], T], then: Callable[[T], None] = lambda _answer: None) -> None:
        """Have a task done, and `then` called on the main thread with its answer. Tasks keep their order."""
        self._tasks.append((task, then))
        self._pipe.wake()

    def acknowledge(self, number: int, *, at_once: bool) -> None:
        """Commands up to this number have been obeyed: the next beat says so, and comes at once if somebody may wait for it."""
        self._acknowledged = max(self._acknowledged, number)
        if at_once:
            self.ask(lambda _store: self._hasten())

    def leave(self) -> None:
        """End once the tasks are done."""
        self._leaving = True
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._pipe.wake()

    # ---- the thread ----

    def run(self) -> None:
        """Enlist, then beat, work off tasks, promote what is due, sleep."""
        hints = self._store.hints(self._info.id)
        try:
            while not (self._leaving and not self._tasks):
                self._round(hints)
        except NotEnlisted:
            if not self._leaving:
                self._post(lambda: self._on_lost(GIVEN_UP))
        except StoreReplaced as error:
            self._store.close()  # what was held is gone with the old file; the new one is a store like any other
            why = str(error)
            self._post(lambda: self._on_lost(why))
        except BaseException:
            logger.exception("the supervisor's thread for the store failed")
            self.failed = True
            self._post(lambda: self._on_lost("the supervisor's thread for the store has failed"))
        finally:
            hints.close()
            self._pipe.close()

    def _round(self, hints: Waiter) -> None:
        self.steps += 1
        was_leaving = self._leaving
        try:
            if self._enlisting is not None:
                self._enlist(self._enlisting)
            self._work()
            self._back()
            self._sleep(hints)
        except StoreReplaced:
            raise
        except StoreError as error:
            self._away(error)
            # What began when it was to leave has waited for the store. What it could not tell others find out after its ttl.
            if was_leaving and (isinstance(error, StoreUnavailable) or self._failures > 3):
                self._tasks.clear()

    def _enlist(self, call: Call) -> None:
        """Under the new id, once the former one has ended: what it held need not wait, and what it is told then is refused.

        Told between the two, a command would reach neither. What refuses the end, a broken queue maybe, holds nobody up.
        """
        if self._former:
            with contextlib.suppress(StoreRefused):
                self._store.retire_worker(self._former)
        self._store.enlist(self._info, former=self._former, call=call)
        self._enlisting = None

    def _work(self) -> None:
        """Beat, tasks, due jobs, cron. What the store refuses is tried again in the next round, and does not hold up the rest."""
        refused: list[StoreRefused] = []
        tasks = [self._do_next] * len(self._tasks)
        for step in [self._beat_if_due, *tasks, self._promote_if_due, self._tick_if_due]:
            try:
                step()
            except StoreReplaced:
                raise
            except StoreRefused as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def _hasten(self) -> None:
        """The next beat is due now. On this thread: a beat that is under way sets the time of the next one when it ends."""
        self._beat_at = 0.0

    def _beat_if_due(self) -> None:
        if time.monotonic() >= self._beat_at:
            self._beat()

    def _do_next(self) -> None:
        task, then = self._tasks[0]
        try:
            answer = task(self._store)
        except StoreRefused:
            self._tasks.rotate(-1)
            raise
        self._tasks.popleft()
        self.steps += 1
        self._post(lambda: then(answer))
        self._beat_if_due()

    def _promote_if_due(self) -> None:
        """Also once at the start: a first call makes things ready for 10 ms, and the first due job would be late by that."""
        if not self._has_promoted or (self._due_at is not None and time.monotonic() >= self._due_at):
            self._set_due(self._store.promote())
            self._has_promoted = True

    def _tick_if_due(self) -> None:
        """Read the cron table if it has changed, and fire what is due of it."""
        if self._cron.version != self._cron_version:
            self._cron.read(self._store.cron_table())
            self._cron_version = self._cron.version
        left = self._until_slot()
        if left is None or left > 0:
            return
        refused = [error for firing in self._cron.due(self._now()) if (error := self._fire(firing))]
        if refused:
            raise refused[0]

    def _fire(self, firing: Firing) -> StoreRefused | None:
        """Fire a slot. What the store refuses for the sake of one queue does not hold up the entries of others."""
        self._beat_if_due()
        self.steps += 1
        try:
            answer = self._store.fire_entry(*firing)
        except StoreReplaced:
            raise
        except StoreRefused as error:
            self._cron.refused(firing)
            return error
        self._set_clock(answer.now)
        self._cron.fired(firing, answer)
        return None

    def _until_slot(self) -> float | None:
        """Seconds until the next slot of the cron table, None if there is none."""
        slot = self._cron.next_at()
        return None if slot is None else (slot - self._now()) / 1000

    def _now(self) -> int:
        """The store's time, as far as it is known: never later than that, so that no slot is fired too early."""
        return int((time.monotonic() + self._store_ahead) * 1000)

    def _set_clock(self, now: int) -> None:
        self._store_ahead = now / 1000 - time.monotonic()

    def _beat(self) -> None:
        """One beat. Unanswered, it is repeated with the same number and the same words."""
        if self._request is None:
            self._number += 1
            self._request = (tuple(self._executors()), self._acknowledged, self._gone(), self.quiet)
            self._first_sent = clock()
        executors, acknowledged, gone, quiet = self._request
        beat = self._store.beat(self._info.id, self._number, executors, acknowledged, gone, quiet)
        self._request = None
        # A beat that had to be repeated counts from its first sending, maybe long ago: the next one follows at once.
        self._beat_at = 0.0 if self._repeated else time.monotonic() + self._info.interval / 1000
        self._repeated = False
        self._set_due(beat.next_due)
        self._set_clock(beat.now)
        self._cron_version = beat.cron
        sent = self._first_sent
        self._post(lambda: self._on_beat(beat, sent))

    def _gone(self) -> tuple[str, ...]:
        """Workers of this machine whose process is gone: the store need not wait for their ttl."""
        return tuple(
            worker.info.id
            for worker in self._store.workers()
            if worker.info.id != self._info.id and is_gone(worker.info)
        )

    def _set_due(self, next_due: int | None) -> None:
        self._due_at = None if next_due is None else time.monotonic() + next_due / 1000

    def _sleep(self, hints: Waiter) -> None:
        if self._tasks or self._leaving:
            return
        hints.arm()
        look_at = math.inf if hints.poll is None else self._looked_at + hints.poll
        ready = readable_until([hints, self._pipe], min(self._wake_at(), look_at))
        self._pipe.drain()
        if hints.fileno() in ready or time.monotonic() >= look_at:
            self._looked_at = time.monotonic()
            # A hint: a command has come, or something became due earlier. The beat's answer tells which.
            if hints.take():
                self._beat_at = 0.0

    def _wake_at(self) -> float:
        """When there is something to do, as `time.monotonic()` counts."""
        if self._cron.version != self._cron_version:
            return 0.0
        times = [self._beat_at]
        if self._due_at is not None:
            times.append(self._due_at)
        if (left := self._until_slot()) is not None:
            times.append(time.monotonic() + left)
        return min(times)

    def _away(self, error: StoreError) -> None:
        if self._gone_since is None:
            self._gone_since = time.monotonic()
            logger.warning("%s; trying again until it answers", error)
        self._failures += 1
        pause = min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 6)) * random.uniform(0.5, 1)  # noqa: S311 - jitter
        self._repeated = self._request is not None
        self._stopped.wait(pause)

    def _back(self) -> None:
        if self._gone_since is not None:
            logger.warning("the store answers again after %.1f s", time.monotonic() - self._gone_since)
            self._gone_since, self._failures = None, 0
            self._post(self._on_back)
