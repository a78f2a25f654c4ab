"""What people and programs ask and tell. Reading never writes."""
# The contract names its parameters `id`:
# ruff: noqa: A001

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from itertools import count
from typing import Any

from winch.errors import InvalidJobOperation
from winch.states import JobStatus
from winch.stores.contract import ENQUEUE_BATCH, Call, JobRecord, LimitRecord, MetricRow
from winch.stores.redis.calls import Argument, Calls, Refusal
from winch.stores.redis.hot import translated
from winch.stores.redis.keys import pack_id, unpack_id
from winch.stores.redis.records import STATES, damaged_record, job_record, tally_key

__all__ = ["ControlVerbs"]

_CHILDREN = 1_000
"""So many children are looked at per call."""


class ControlVerbs:
    """The verbs of `winch.stores.contract.Control`."""

    _calls: Calls

    def get(self, ids: Sequence[str]) -> builtins.list[JobRecord | None]:
        """See `winch.stores.contract.Control.get`."""
        now, *rows = self._calls.read("get", *map(pack_id, ids))
        return [_record(id, row, now) for id, row in zip(ids, rows, strict=True)]

    def list(
        self, queue: str, state: JobStatus, *, offset: int = 0, limit: int = 100, newest: bool = False
    ) -> builtins.list[str]:
        """See `winch.stores.contract.Control.list`."""
        return [unpack_id(raw) for raw in self._calls.read("list", queue, state, offset, limit, int(newest))]

    def counts(self, queues: Sequence[str] | None = None) -> dict[str, dict[JobStatus, int]]:
        """See `winch.stores.contract.Control.counts`."""
        if queues is not None and not queues:
            return {}
        row = iter(self._calls.read("counts", *(queues or ())))
        found = {name.decode(): dict(zip(STATES, numbers, strict=True)) for name, numbers in zip(row, row, strict=True)}
        return {name: found[name] for name in (sorted(found) if queues is None else queues)}

    def queues(self) -> builtins.list[str]:
        """See `winch.stores.contract.Control.queues`."""
        return sorted(name.decode() for name in self._calls.read("names"))

    def position(self, id: str) -> int | None:
        """See `winch.stores.contract.Control.position`."""
        place: int = self._calls.read("position", pack_id(id))
        return None if place < 0 else place

    def children(self, id: str) -> builtins.list[str]:
        """See `winch.stores.contract.Control.children`."""
        found: builtins.list[str] = []
        for start in count(0, _CHILDREN):
            looked_at, waiting = self._calls.read("waiting_children", pack_id(id), start, _CHILDREN)
            found += map(unpack_id, waiting)
            if looked_at < _CHILDREN:
                break
        return found

    def cancel(
        self, id: str, *, stop: bool = False, enqueue_dependents: bool = False, call: Call | None = None
    ) -> JobStatus:
        """See `winch.stores.contract.Control.cancel`."""
        flags = int(stop), int(enqueue_dependents)
        hint = " (stop=True stops it)"
        return STATES[self._order("cancel", call, pack_id(id), *flags, id=id, verb="canceled", hint=hint)]

    def requeue(self, id: str, *, at_front: bool = False, call: Call | None = None) -> JobStatus:
        """See `winch.stores.contract.Control.requeue`."""
        return STATES[self._order("requeue", call, pack_id(id), int(at_front), id=id, verb="requeued")]

    def delete(self, ids: Sequence[str], *, call: Call | None = None) -> int:
        """See `winch.stores.contract.Control.delete`."""
        if len(ids) > ENQUEUE_BATCH:
            raise ValueError(f"at most {ENQUEUE_BATCH} jobs per call, not {len(ids)}")
        return self._order("delete", call, *map(pack_id, ids))

    def empty(self, queue: str, *, limit: int = 1_000, call: Call | None = None) -> int:
        """See `winch.stores.contract.Control.empty`."""
        return self._order("empty", call, queue, min(limit, ENQUEUE_BATCH))

    def forget(self, queue: str, *, call: Call | None = None) -> bool:
        """See `winch.stores.contract.Control.forget`."""
        return bool(self._order("forget", call, queue))

    def pause(self, queue: str, ttl: int = 0, *, call: Call | None = None) -> None:
        """See `winch.stores.contract.Control.pause`."""
        self._order("pause", call, queue, 1, ttl)

    def resume(self, queue: str, *, call: Call | None = None) -> None:
        """See `winch.stores.contract.Control.resume`."""
        self._order("pause", call, queue, 0, 0)

    def paused(self) -> dict[str, int]:
        """See `winch.stores.contract.Control.paused`."""
        answer = iter(self._calls.read("paused"))
        ends = {name.decode(): float(end) for name, end in zip(answer, answer, strict=True)}
        return {name: 0 if math.isinf(ends[name]) else int(ends[name]) for name in sorted(ends)}

    def send(self, worker: str, name: str, *, call: Call | None = None) -> int:
        """See `winch.stores.contract.Control.send`."""
        return self._order("send", call, worker, name, id=f"worker {worker}")

    def limits(self, keys: Sequence[str] | None = None) -> builtins.list[LimitRecord]:
        """See `winch.stores.contract.Control.limits`."""
        answer = iter(self._calls.read("limits", int(keys is None), *(keys or ())))
        rows = zip(answer, answer, answer, answer, strict=True)
        found = [LimitRecord(key.decode(), running, waiting, left) for key, running, waiting, left in rows]
        return sorted(found)[:1_000] if keys is None else found

    def metrics(self, since: int, *, hours: bool = False) -> builtins.list[MetricRow]:
        """See `winch.stores.contract.Control.metrics`."""
        answer = iter(self._calls.read("metrics", since, int(hours)))
        return sorted(row for at, flat in zip(answer, answer, strict=True) for row in _rows(at, flat))

    def _order(
        self, script: str, call: Call | None, *arguments: Argument, id: str = "", verb: str = "", hint: str = ""
    ) -> int:
        try:
            answer: int = self._calls.change(script, call, *arguments)
        except Refusal as refusal:
            if refusal.args[0] != "INVALID":
                raise translated(refusal, id) from None
            state = STATES[int(refusal.args[1])]
            told = hint if state is JobStatus.STARTED else ""
            raise InvalidJobOperation(f"job {id} is {state} and cannot be {verb}{told}") from None
        return answer


def _record(id: str, row: Any, now: int) -> JobRecord | None:
    if row == 0:
        return None
    raw, *rest = row
    if not raw:
        return damaged_record(id, rest[0].decode(), now)
    return job_record(id, raw, now, *(each.decode() for each in rest))


def _rows(at: int, flat: Sequence[bytes]) -> builtins.list[MetricRow]:
    parts = iter(flat)
    return [MetricRow(at, tally_key(field), int(count)) for field, count in zip(parts, parts, strict=True)]
