"""Who is alive, and what becomes of what the dead held."""
# The contract names its parameters `id`:
# ruff: noqa: A001

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from winch.errors import StoreError
from winch.stores.contract import Beat, Call, Held, Outcome, Retired, Waiter, WorkerInfo, WorkerRecord
from winch.stores.redis.calls import Argument, Calls, OutOfMemory, Refusal
from winch.stores.redis.hot import translated, warn_of_loss
from winch.stores.redis.keys import hint_key, pack_id, unpack_id
from winch.stores.redis.records import pack_outcomes
from winch.stores.redis.waiting import Listening, ListWaiter
from winch.stores.redis.workers import commands_of, pack_info, unpack_info

__all__ = ["LivenessVerbs"]

_logger = logging.getLogger("winch")

_LONGEST_NAME = 255
_CHUNK = 200
"""The most jobs that one `trim` removes: the server does nothing else for less than 2 ms."""
_TRIM_TIME = 1.0
"""Seconds that a beat trims at most; it lets others call as long as it takes itself."""
_QUIET = 60.0
"""Seconds between two warnings of keys in trouble."""


class LivenessVerbs:
    """The verbs of `winch.stores.contract.Liveness`."""

    _calls: Calls
    _quiet_until = 0.0

    def enlist(self, worker: WorkerInfo, *, former: str = "", call: Call | None = None) -> int:
        """See `winch.stores.contract.Liveness.enlist`."""
        name = worker.name.encode()[:_LONGEST_NAME]
        queues = "".join(f"\n{queue}\n" for queue in worker.queues)
        me = (worker.id, name, worker.ttl, worker.interval, queues, pack_info(worker), former)
        return self._change("enlist", call, *me, what=worker.id)

    def enlist_executor(self, worker: str, executor: str, *, call: Call | None = None) -> None:
        """See `winch.stores.contract.Liveness.enlist_executor`."""
        self._change("enlist_executor", call, worker, executor, what=f"worker {worker}")

    def beat(
        self,
        worker: str,
        number: int,
        executors: Sequence[str],
        acknowledged: int = 0,
        gone: Sequence[str] = (),
        quiet: bool = False,
    ) -> Beat:
        """See `winch.stores.contract.Liveness.beat`."""
        call, me = Call(worker, number), (acknowledged, int(quiet))
        answer = self._change("beat", call, *me, len(executors), *executors, *gone, what=f"worker {worker}")
        now, strays, commands, next_due, rescued, may_be_more, troubles, cron = answer
        self._tell(_texts(troubles))
        if may_be_more:
            self._trim()
        return Beat(
            now,
            _texts(strays),
            commands_of(commands),
            None if next_due < 0 else next_due,
            _texts(rescued),
            cron,
        )

    def promote(self, *, call: Call | None = None) -> int | None:
        """See `winch.stores.contract.Liveness.promote`."""
        next_due: int = self._change("promote", call)
        return None if next_due < 0 else next_due

    def retire(
        self,
        executor: str,
        *,
        outcomes: Sequence[Outcome] = (),
        crashed: bool = False,
        begun: Sequence[Held] = (),
        detail: str = "",
        call: Call | None = None,
    ) -> Retired:
        """See `winch.stores.contract.Liveness.retire`."""
        held: list[Argument] = []
        for token, id in begun:
            held += (pack_id(id), token)
        call, what = call or self._calls.next_call(), (executor, int(crashed), detail)
        try:
            answer = self._change("retire", call, *what, "strict", len(outcomes), *pack_outcomes(outcomes), *held)
        except OutOfMemory:
            poor = pack_outcomes(outcomes, keep_results=False)
            answer = self._change("retire", call, *what, "full", len(outcomes), *poor, *held)
            warn_of_loss(self._calls.address.place, outcomes)
        returned, suspects, charged = (tuple(map(unpack_id, ids)) for ids in answer)
        return Retired(returned, suspects, charged)

    def retire_worker(self, worker: str, *, call: Call | None = None) -> None:
        """See `winch.stores.contract.Liveness.retire_worker`."""
        self._change("retire_worker", call, worker)

    def workers(self) -> list[WorkerRecord]:
        """See `winch.stores.contract.Liveness.workers`."""
        now, *rows = self._calls.read("workers")
        return sorted((_worker(row, now) for row in rows), key=lambda worker: (worker.info.name, worker.info.id))

    def hints(self, worker: str) -> Waiter:
        """See `winch.stores.contract.Liveness.hints`."""
        return ListWaiter(self._calls, [hint_key(self._calls.prefix, worker)], Listening())

    def drained(self, queues: Sequence[str]) -> bool:
        """See `winch.stores.contract.Liveness.drained`."""
        return bool(self._calls.read("drained", *queues))

    def _tell(self, troubles: Sequence[str]) -> None:
        """Name the keys for whose sake a beat left queues alone: it was not refused, so nobody else tells."""
        if troubles and time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET
            keys = ", ".join(repr(trouble.removeprefix("WRONGTYPE ")) for trouble in troubles)
            _logger.warning(
                "%s: queues are left alone, because keys hold something that is not winch's: repair or delete %s",
                *(self._calls.address.place, keys),
            )

    def _trim(self) -> None:
        """Remove what is expired or too much, in short steps with pauses. The beat has happened: trouble is for the next."""
        until, left = time.monotonic() + _TRIM_TIME, True
        with suppress(StoreError):
            while left and (began := time.monotonic()) < until:
                left = bool(self._calls.change("trim", None, _CHUNK))
                time.sleep(time.monotonic() - began)

    def _change(self, verb: str, call: Call | None, *arguments: Argument, what: str = "") -> Any:
        try:
            return self._calls.change(verb, call, *arguments)
        except Refusal as refusal:
            raise translated(refusal, what) from None


def _texts(raw: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(each.decode() for each in raw)


def _worker(row: Sequence[Any], now: int) -> WorkerRecord:
    packed, beat, started, finished, failed, run_ms, quiet, executors, held, commands = row
    info, age = unpack_info(packed), now - int(beat)
    parts = iter(held)
    jobs = sorted((not begun, token, unpack_id(id)) for id, begun, token in zip(parts, parts, parts, strict=True))
    ids = tuple(id for _, _, id in jobs)
    sums = (int(finished), int(failed), int(run_ms))
    told = (int(quiet) == 1, commands_of(commands))
    return WorkerRecord(info, age, int(started), age < info.ttl, _texts(executors), ids, *sums, *told)
