"""`winch info`: queues and workers, in the layout that users of RQ know. It only reads."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import click

from winch.cli.common import Place, check_names, existing, say_place, url_option
from winch.job import Job
from winch.states import STATES, JobStatus
from winch.stores.contract import ALL_QUEUES, JobRecord, Store, WorkerRecord
from winch.worker import state_of
from winch.worker.identity import is_gone

__all__ = ["command"]

ALWAYS = (JobStatus.STARTED, JobStatus.FINISHED, JobStatus.FAILED)
"""States that every queue's line shows besides `queued`; the others when there are jobs in them."""

WORDS = {JobStatus.STARTED: "executing"}
"""What RQ's users call a state."""

BAR, SCALES = 20, (20, 50, 100, 200, 400, 600, 800, 1_000)
SHOWN = 3
"""The most jobs listed below a worker."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """One queue as it is shown."""

    name: str
    counts: dict[JobStatus, int]
    paused: bool

    @property
    def queued(self) -> int:
        """Jobs that are ready."""
        return self.counts[JobStatus.QUEUED]

    def text(self, *, all_states: bool = False) -> str:
        """The counts as words."""
        others = [state for state in STATES if state not in (JobStatus.QUEUED, *ALWAYS)]
        states = [*ALWAYS, *(state for state in others if all_states or self.counts[state])]
        words = [f"{self.counts[state]} {WORDS.get(state, state.value)}" for state in states]
        return ", ".join([str(self.queued), *words]) + (" (paused)" if self.paused else "")


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One worker as it is shown.

    Attributes:
        record: What the store knows of it.
        jobs: The first of those it has in hand.
        suspended: All its queues are paused.
        gone: Its process does not run any more; the store does not know yet.
    """

    record: WorkerRecord
    jobs: tuple[JobRecord, ...]
    suspended: bool = False
    gone: bool = False

    @property
    def name(self) -> str:
        """The worker's label."""
        return self.record.info.name

    @property
    def state(self) -> str:
        """What it does, see `winch.worker.state_of`."""
        return state_of(self.record, paused=self.suspended, gone=self.gone)

    @property
    def text(self) -> str:
        """The worker as words."""
        info = self.record.info
        silent = ""
        if self.gone:
            silent = " (its process is gone)"
        elif not self.record.alive:
            silent = f" (no sign of life for {self.record.beat_age / 1000:.0f} s)"
        done = f"jobs: {self.record.finished} finished, {self.record.failed} failed"
        return f"{self.state}{silent} {', '.join(info.queues)}. {done}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to see at a moment."""

    place: Place
    queues: tuple[QueueView, ...]
    workers: tuple[WorkerView, ...]


@click.command()
@url_option
@click.option(
    "-i", "--interval", type=click.FloatRange(0.1, 86_400), metavar="SECONDS", help="Look again every so many seconds."
)
@click.option("-r", "--raw", is_flag=True, help="One line for each queue and worker, without bars.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object (for each look, one line).")
@click.option("-R", "--by-queue", is_flag=True, help="List the workers of each queue.")
@click.option("-Q", "--only-queues", is_flag=True, help="Leave the workers out.")
@click.option("-W", "--only-workers", is_flag=True, help="Leave the queues out.")
@click.argument("queues", nargs=-1)
def command(
    url: str | None,
    interval: float | None,
    raw: bool,
    as_json: bool,
    by_queue: bool,
    only_queues: bool,
    only_workers: bool,
    queues: tuple[str, ...],
) -> None:
    """Show QUEUES (default: all) and the workers that listen to them.

    It changes nothing. Exit code 2 if there is no store at that place; none is made.
    """
    if only_queues and only_workers:
        raise click.UsageError("--only-queues and --only-workers leave nothing to show.")
    check_names(queues)
    place = existing(url)
    if raw:
        say_place(place)

    def show() -> None:
        snapshot = look(place, queues)
        if interval is not None and not (raw or as_json):
            click.clear()
        if as_json:
            data = as_data(snapshot, not only_workers, not only_queues)
            click.echo(json.dumps(data, indent=2 if interval is None else None))
        else:
            written = raw_lines if raw else lines
            click.echo("\n".join(written(snapshot, not only_workers, not only_queues, by_queue)))

    if interval is None:
        show()
        return
    with contextlib.suppress(KeyboardInterrupt):  # wherever it comes: that is how one ends it
        while True:
            show()
            time.sleep(interval)


def look(place: Place, names: Sequence[str]) -> Snapshot:
    """Read what there is to see. It writes nothing."""
    store = place.store
    paused = set(store.paused())
    counts = store.counts(names or None)
    workers = [record for record in store.workers() if not names or set(names) & set(record.info.queues)]
    if ALL_QUEUES in paused:
        paused |= {*counts, *(name for record in workers for name in record.info.queues)}
    return Snapshot(
        place,
        tuple(QueueView(name, counts[name], name in paused) for name in counts),
        tuple(_worker_view(store, record, paused) for record in workers),
    )


def _worker_view(store: Store, record: WorkerRecord, paused: set[str]) -> WorkerView:
    return WorkerView(record, _in_hand(store, record), paused.issuperset(record.info.queues), is_gone(record.info))


def _in_hand(store: Store, worker: WorkerRecord) -> tuple[JobRecord, ...]:
    found = store.get(worker.jobs[:SHOWN])
    return tuple(record for record in found if record is not None and record.state == JobStatus.STARTED)


# ---- for people -----------------------------------------------------------------------------------------------------


def lines(snapshot: Snapshot, queues: bool, workers: bool, by_queue: bool) -> list[str]:
    """The page."""
    page = [snapshot.place.line, ""]
    if queues:
        page += [*_queue_lines(snapshot.queues), ""]
    if workers:
        page += [*(_by_queue(snapshot) if by_queue else _worker_lines(snapshot.place.store, snapshot.workers))]
        page += [f"{_several(len(snapshot.workers), 'worker')}, {_several(len(snapshot.queues), 'queue')}", ""]
    return [*page, f"Updated: {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"]


def _queue_lines(queues: Sequence[QueueView]) -> list[str]:
    most = max((queue.queued for queue in queues), default=0)
    scale = next((step for step in SCALES if most <= step), most)
    width = max(12, *(len(queue.name) for queue in queues)) if queues else 12
    drawn = [_queue_line(queue, width, queue.queued * BAR / scale) for queue in queues]
    return [*drawn, f"{_several(len(queues), 'queue')}, {_several(sum(queue.queued for queue in queues), 'job')} total"]


def _queue_line(queue: QueueView, width: int, bar: float) -> str:
    length = max(1, round(bar)) if queue.queued else 0
    colour = "red" if length > BAR / 2 else "yellow" if length > BAR / 4 else "green"
    return f"{queue.name:<{width}} |{click.style('█' * length, fg=colour)} {queue.text()}"


def _worker_lines(store: Store, workers: Sequence[WorkerView]) -> list[str]:
    page: list[str] = []
    for worker in workers:
        info = worker.record.info
        page.append(f"{click.style(worker.name, bold=True)} ({info.host} {info.pid}): {worker.text}")
        page += [f"    {_current(store, job)}" for job in worker.jobs]
        more = len(worker.record.jobs) - len(worker.jobs)
        page += [f"    and {more} more in hand"] if worker.jobs and more > 0 else []
    return page


def _current(store: Store, record: JobRecord) -> str:
    """A job that a worker has in hand: function, id, for how long."""
    job = Job.from_record(store, record)
    return f"{job.func_name} {record.id} for {max(record.now - record.started_at, 0) / 1000:.1f} s"


def _by_queue(snapshot: Snapshot) -> list[str]:
    """The names of the workers per queue."""
    width = max((len(queue.name) for queue in snapshot.queues), default=0) + 1
    return [f"{queue.name + ':':<{width}} {_listeners(snapshot, queue.name)}" for queue in snapshot.queues]


def _listeners(snapshot: Snapshot, queue: str) -> str:
    names = [f"{worker.name} ({worker.state})" for worker in snapshot.workers if queue in worker.record.info.queues]
    return ", ".join(names) or "-"


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# ---- for programs ---------------------------------------------------------------------------------------------------


def raw_lines(snapshot: Snapshot, queues: bool, workers: bool, by_queue: bool) -> list[str]:
    """One line for each queue and worker."""
    page = [f"queue {queue.name} {queue.text(all_states=True)}" for queue in snapshot.queues if queues]
    if workers and by_queue:
        return page + [f"queue {queue.name} workers {_listeners(snapshot, queue.name)}" for queue in snapshot.queues]
    for worker in snapshot.workers if workers else ():
        info = worker.record.info
        page.append(f"worker {worker.name} ({info.host} {info.pid}) {worker.text}")
    return page


def as_data(snapshot: Snapshot, queues: bool = True, workers: bool = True) -> dict[str, object]:
    """Everything, for `--json`."""
    store = snapshot.place.store
    data: dict[str, object] = {"store": snapshot.place.address, "now": store.now()}
    if queues:
        data["queues"] = [
            {"name": queue.name, "paused": queue.paused, **{state.value: queue.counts[state] for state in STATES}}
            for queue in snapshot.queues
        ]
    if workers:
        data["workers"] = [_worker_data(store, worker) for worker in snapshot.workers]
    return data


def _worker_data(store: Store, worker: WorkerView) -> dict[str, object]:
    record = worker.record
    return {
        "name": worker.name,
        "id": record.info.id,
        "host": record.info.host,
        "pid": record.info.pid,
        "state": worker.state,
        "queues": list(record.info.queues),
        "processes": record.info.processes,
        "started_at": record.started_at,
        "beat_age_ms": record.beat_age,
        "finished": record.finished,
        "failed": record.failed,
        "run_ms": record.run_ms,
        "quiet": record.quiet,
        "pending": [command.name for command in record.commands],
        "in_hand": len(record.jobs),
        "jobs": [
            {
                "id": job.id,
                "function": Job.from_record(store, job).func_name,
                "queue": job.queue,
                "started_at": job.started_at,
                "run_ms": max(job.now - job.started_at, 0),
            }
            for job in worker.jobs
        ],
    }
