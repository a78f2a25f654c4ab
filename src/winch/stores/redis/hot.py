"""What happens for every job: enqueue, turn, wait. The rules are in the scripts; here is the translation."""
# The contract names its parameters `id`:
# ruff: noqa: A001

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from winch.errors import DuplicateJob, NoSuchGroup, NoSuchJob, NotEnlisted, UnknownDependency, WorkerError
from winch.states import JobStatus
from winch.stores.contract import (
    COMMANDS,
    ENQUEUE_BATCH,
    TURN_BATCH,
    Call,
    Claim,
    Enqueued,
    Held,
    JobRecord,
    NewJob,
    Outcome,
    StaleCall,
    Tally,
    Turn,
    Waiter,
)
from winch.stores.redis.calls import Argument, Calls, OutOfMemory, Refusal, unless_refused
from winch.stores.redis.keys import ended_channel, marker_key, pack_id, record_key
from winch.stores.redis.records import (
    STATES,
    claim_of,
    holds_claim,
    job_record,
    pack_jobs,
    pack_outcomes,
    pack_plain_jobs,
    pack_tally_key,
)
from winch.stores.redis.turns import PackedOutcomes, TurnScripts, pack_queues
from winch.stores.redis.waiting import Listening, ListWaiter, ask_again

__all__ = ["HotVerbs", "translated", "warn_of_loss"]

_logger = logging.getLogger("winch")


def translated(refusal: Refusal, what: str = "") -> Exception:
    """The error of the contract that a script's refusal stands for, if it needs no more than a name."""
    code = str(refusal.args[0])
    if code == "NOTENLISTED":
        return NotEnlisted(f"{what} is not enlisted")
    if code == "STALECALL":
        return StaleCall(" ".join(map(str, refusal.args[1:])))
    if code == "TOOMANY":
        return WorkerError(f"{what} has {COMMANDS} commands to acknowledge already: does its process still run?")
    if code == "NOSUCHJOB":
        return NoSuchJob(f"there is no job {what}")
    return refusal


def warn_of_loss(place: str, outcomes: Sequence[Outcome]) -> None:
    """Log that results were dropped, since the server was full."""
    if count := sum(bool(outcome.result) for outcome in outcomes):
        _logger.warning("%s is full: the results of %d jobs were not kept", place, count)


class HotVerbs:
    """The verbs of `winch.stores.contract.HotPath`."""

    _calls: Calls
    _turns: TurnScripts
    _local: threading.local
    _listening: Listening

    def enqueue(self, jobs: Sequence[NewJob], *, call: Call | None = None) -> Enqueued:
        """See `winch.stores.contract.HotPath.enqueue`."""
        _check_number(jobs)
        if not jobs:
            return Enqueued(self.now(), ())
        plain = pack_plain_jobs(jobs)
        call = call or self._calls.next_call()
        ask = (lambda: self._calls.change("enqueue", call, *plain)) if plain else None
        return self._enqueued(jobs, ask, call)

    def begin_enqueue(self, jobs: Sequence[NewJob]) -> Callable[[], Enqueued]:
        """See `winch.stores.contract.HotPath.begin_enqueue`."""
        _check_number(jobs)
        plain = pack_plain_jobs(jobs) if jobs else None
        if plain is None:
            enqueued = self.enqueue(jobs)
            return lambda: enqueued
        call = self._calls.next_call("batches")
        read = self._calls.begin_change("enqueue", call, *plain, use="batches")
        return lambda: self._enqueued(jobs, read, call)

    def turn(
        self,
        executor: str,
        number: int,
        outcomes: Sequence[Outcome],
        begins: Sequence[Held],
        queues: Sequence[str],
        room: int,
        tally: Tally,
    ) -> Turn:
        """See `winch.stores.contract.HotPath.turn`."""
        return self.begin_turn(executor, number, outcomes, begins, queues, room, tally)()

    def begin_turn(
        self,
        executor: str,
        number: int,
        outcomes: Sequence[Outcome],
        begins: Sequence[Held],
        queues: Sequence[str],
        room: int,
        tally: Tally,
    ) -> Callable[[], Turn]:
        """Send a turn and return at once; the function that is returned reads its answer, and may be called once.

        Between the two the server works, and this process may run jobs. Arguments, answer and errors are those of `turn`.
        """
        call = Call(executor, number)
        look = self._listening.look()
        groups = pack_queues(self._calls.prefix, tuple(queues), with_markers=look is not None)
        rest = _rest_of_turn(begins, groups, tally)
        sizes = [str(n) for n in (min(room, TURN_BATCH), len(outcomes), len(begins), len(groups) // 2, len(tally))]
        packed = self.packed(outcomes)
        read = self._turns.begin(call, "strict", *sizes, *packed.arguments, *rest, is_plain=packed.are_plain)

        def answer() -> Turn:
            try:
                return self._turn(read())
            except OutOfMemory:
                # Settling goes on, without results; the number is the same, so it happens once (rule 37).
                poor = pack_outcomes(outcomes, keep_results=False)
                turn = self._turn(self._calls.change("turn_any", call, "full", *sizes, *poor, *rest))
                warn_of_loss(self._calls.address.place, outcomes)
                return turn

        def answer_or_raise() -> Turn:
            try:
                turn = answer()
            except Refusal as refusal:
                raise translated(refusal, f"executor {executor}") from None
            self._listening.seen(look)
            return turn

        return answer_or_raise

    def packed(self, outcomes: Sequence[Outcome]) -> PackedOutcomes:
        """See `winch.stores.contract.HotPath.packed`."""
        return outcomes if isinstance(outcomes, PackedOutcomes) else PackedOutcomes(outcomes)

    def waiter(self, queues: Sequence[str]) -> Waiter:
        """See `winch.stores.contract.HotPath.waiter`."""
        markers = [marker_key(self._calls.prefix, queue) for queue in queues]
        return ListWaiter(self._calls, markers, self._listening)

    def await_end(self, ids: Sequence[str], timeout: float, wake: int | None = None) -> list[JobRecord]:
        """See `winch.stores.contract.HotPath.await_end`."""
        channels = list({ended_channel(self._calls.prefix, pack_id(id)) for id in ids})
        return ask_again(self._local, self._calls, channels, lambda: self._ended(ids), timeout, wake)

    def annotate(self, id: str, meta: bytes, *, call: Call | None = None) -> None:
        """See `winch.stores.contract.HotPath.annotate`."""
        try:
            self._calls.change("annotate", call, pack_id(id), meta)
        except Refusal as refusal:
            raise translated(refusal, id) from None

    def take(self, executor: str, id: str, *, call: Call | None = None) -> Claim | None:
        """See `winch.stores.contract.HotPath.take`."""
        try:
            answer = self._calls.change("take", call, executor, pack_id(id))
        except Refusal as refusal:
            raise translated(refusal, f"executor {executor}") from None
        if not answer:
            return None
        now, raw_id, token, raw = answer
        return claim_of(raw_id, token, raw, now)

    def report(self, held: Held, progress: bytes, *, call: Call | None = None) -> bool:
        """See `winch.stores.contract.HotPath.report`."""
        try:
            return bool(self._calls.change("report", call, pack_id(held.id), held.token, progress))
        except Refusal as refusal:
            raise translated(refusal, held.id) from None

    def clock(self) -> int:
        """See `winch.stores.contract.Store.clock`."""
        return time.time_ns() // 1_000_000

    def now(self) -> int:
        """See `winch.stores.contract.Control.now`."""
        seconds, micros = self._calls.command(b"TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    def _turn(self, answer: Any) -> Turn:
        now, next_due, more, alone, late, flat = answer
        parts = iter(flat)
        found = list(zip(parts, parts, parts, strict=True))
        if not all(raw for _, _, raw in found):
            found = self._with_long(found)
        claims = tuple([claim_of(id, token, raw, now) for id, token, raw in found])
        return Turn(now, claims, bool(more), None if next_due < 0 else next_due, tuple(late), bool(alone))

    def _with_long(self, found: list[tuple[bytes, int, bytes]]) -> list[tuple[bytes, int, bytes]]:
        """The same with the long records, which do not come through the script. Without those that are held no more."""
        long = [id for id, _, raw in found if not raw]
        records = self._calls.command(b"MGET", *[record_key(self._calls.prefix, id) for id in long])
        fetched: dict[bytes, bytes | None] = dict(zip(long, records, strict=True))
        whole: list[tuple[bytes, int, bytes]] = []
        for id, token, raw in found:
            record = raw or fetched[id]
            if record and (raw or holds_claim(record, token)):
                whole.append((id, token, record))
        return whole

    def _enqueued(self, jobs: Sequence[NewJob], ask: Callable[[], Any] | None, call: Call) -> Enqueued:
        """The answer: that of the short way, or else of the long one under the same number, so that it happens once."""
        try:
            answer = (ask and unless_refused(ask)) or self._calls.change("enqueue_any", call, *pack_jobs(jobs))
        except Refusal as refusal:
            raise _enqueue_error(refusal, jobs) from None
        now, digits = answer
        return Enqueued(now, _states(digits))

    def _ended(self, ids: Sequence[str]) -> tuple[list[JobRecord], bool]:
        """The records of those that have ended, and whether the wait is over: one has ended, or none is known."""
        *answers, now = self._calls.read("await_end", *map(pack_id, ids))
        ended = [job_record(id, raw, now) for id, raw in zip(ids, answers, strict=True) if isinstance(raw, bytes)]
        return ended, bool(ended) or 1 not in answers


def _check_number(jobs: Sequence[NewJob]) -> None:
    if len(jobs) > ENQUEUE_BATCH:
        raise ValueError(f"at most {ENQUEUE_BATCH} jobs per call, not {len(jobs)}")


def _states(digits: bytes) -> tuple[JobStatus, ...]:
    return tuple([STATES[digit - 48] for digit in digits])


def _enqueue_error(refusal: Refusal, jobs: Sequence[NewJob]) -> Exception:
    code, *numbers = map(str, refusal.args)
    if code == "DUPLICATE":
        id = jobs[int(numbers[0]) - 1].id
        return DuplicateJob(f"the id {id} is in use", id)
    if code == "UNKNOWN":
        child, position = int(numbers[0]) - 1, int(numbers[1]) - 1
        parent = jobs[child].parents[position]
        return UnknownDependency(f"there is no job {parent} to wait for", parent)
    if code == "NOGROUP":
        group = jobs[int(numbers[0]) - 1].group
        return NoSuchGroup(f"there is no group {group}", group)
    return translated(refusal)


def _rest_of_turn(begins: Sequence[Held], groups: Sequence[bytes], tally: Tally) -> list[Argument]:
    rest: list[Argument] = []
    for token, id in begins:
        rest += (pack_id(id), str(token))
    rest += groups
    for key, count in tally.items():
        rest += (pack_tally_key(key), str(count))
    return rest
