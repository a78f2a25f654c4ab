"""The store's last words: every job that it lists or knows, as the checker takes it."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.chaos.checker import Final
from winch import codec
from winch.states import STATES, JobStatus
from winch.stores.contract import JobRecord, Store

_PAGE = 1_000


def dump(store: Store, known: Iterable[str]) -> dict[str, Final]:
    """All jobs.

    Args:
        store: Of which nothing changes any more.
        known: Ids that the history names; what the store lists beside them is dumped too.
    """
    listed = _listed(store)
    ids = list({**dict.fromkeys(known), **listed})
    offset = time.monotonic_ns() - store.now() * 1_000_000
    found: dict[str, Final] = {}
    for at in range(0, len(ids), _PAGE):
        for record in store.get(ids[at : at + _PAGE]):
            if record is not None:
                found[record.id] = _final(record, tuple(listed.get(record.id, ())), offset)
    for job in listed.keys() - found.keys():
        found[job] = Final("listed, and unknown", listed=tuple(listed[job]))
    return found


def save(final: Mapping[str, Final], path: Path) -> None:
    """Keep a dump beside its history, so that both can be judged again."""
    with path.open("w") as file:
        file.writelines(json.dumps([job, *each]) + "\n" for job, each in final.items())


def load(path: Path) -> dict[str, Final]:
    """A dump that was kept."""
    found: dict[str, Final] = {}
    with path.open() as file:
        for line in file:
            job, *rest, charged, listed = json.loads(line)
            found[job] = Final._make([*rest, tuple((worker, at) for worker, at in charged), tuple(listed)])
    return found


def _listed(store: Store) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = defaultdict(list)
    for queue in store.queues():
        for state in STATES:
            at = 0
            while ids := store.list(queue, state, offset=at, limit=10 * _PAGE):
                at += len(ids)
                for job in ids:
                    listed[job].append(str(state))
    return listed


def _final(record: JobRecord, listed: tuple[str, ...], offset: int) -> Final:
    finished = record.state is JobStatus.FINISHED
    return Final(
        str(record.state),
        record.reason,
        record.fails,
        record.crashes,
        codec.load_result(record.result, _no_class) if finished else None,
        tuple(
            (attempt.worker, attempt.ended_at * 1_000_000 + offset)
            for attempt in record.history
            if attempt.reason == "crashed" and attempt.outcome in ("failed", "retry")
        ),
        listed,
    )


def _no_class(name: str) -> type:
    raise TypeError(f"no result of the soak holds a {name}")
