"""Cron with real workers: every slot fires once, whoever is there to fire it; changes take effect at once."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration import tasks
from tests.integration.conftest import StartWorker, eventually, lines
from tests.integration.cron_tasks import tick
from winch import Queue
from winch.cron import Cron, Misfire

pytestmark = pytest.mark.integration


def slots_of(notes: Path) -> list[int]:
    """The slots that jobs have noted, in seconds, sorted."""
    return sorted(int(line.split()[1]) for line in lines(notes))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_schedulers_some_killed(store_url: str, queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Eight supervisors tick a slot a second, and one after the other is killed: no slot is missing, and none comes twice."""
    dice = random.Random(7)
    Cron(store_url).add(tick, "ticks", cron="* * * * * *", args=[str(notes)], misfire="all")
    patient = {"worker_ttl": 30.0}  # on a busy machine nine workers take a while to start
    fleet = [start_worker("elsewhere", **patient) for _ in range(8)]
    runner = start_worker("ticks", **patient)
    for _ in range(6):
        seen = len(lines(notes))
        eventually(lambda seen=seen: len(lines(notes)) > seen, within=60)
        victim = fleet.pop(dice.randrange(len(fleet)))
        time.sleep(dice.random())  # anywhere between two slots, or in the middle of one
        victim.kill()
    seen = len(lines(notes))
    eventually(lambda: len(lines(notes)) >= seen + 2, within=60)
    Cron(store_url).remove("tests.integration.cron_tasks.tick")
    eventually(lambda: Queue("ticks", connection=store_url).count == 0, within=20)
    runner.stop()
    found = slots_of(notes)
    assert found == list(range(found[0], found[-1] + 1))


@pytest.mark.parametrize(("misfire", "late"), [("once", 0), (3, 2), ("all", 6)])
def test_slots_that_were_missed(
    store_url: str, start_worker: StartWorker, notes: Path, misfire: Misfire | int, late: int
) -> None:
    """After a time without workers the policy says with which of the missed slots it goes on."""
    cron, queue = Cron(store_url), Queue(connection=store_url)
    cron.add(tick, cron="* * * * * *", args=[str(notes)], misfire=misfire, name="second")
    began = cron.connection.now()
    eventually(lambda: cron.connection.now() >= began + 7_000, within=20)
    start_worker()
    eventually(lambda: len(lines(notes)) >= 3, within=20)
    cron.pause("second")
    eventually(lambda: queue.count == len(queue.started) == 0, within=20)
    jobs = sorted(queue.finished.get_jobs(), key=lambda job: job.meta["cron"]["slot"])
    slots = [job.meta["cron"]["slot"].timestamp() for job in jobs]
    assert jobs[0].enqueued_at is not None
    lateness = jobs[0].enqueued_at.timestamp() - slots[0]
    assert late <= lateness
    if misfire == "all":
        assert slots == [slots[0] + n for n in range(len(slots))]
    else:
        assert lateness < late + 1.5


def test_a_change_takes_effect_at_once(store_url: str, start_worker: StartWorker, notes: Path) -> None:
    """A worker that runs fires a new entry's first slot on time, the changed one after a change, none after its end."""
    start_worker(worker_ttl=60.0)  # it beats every ten seconds
    warm = Queue(connection=store_url).enqueue(tasks.noop)
    warm.result(timeout=20)
    cron = Cron(store_url)
    cron.add(tasks.write, every=1, args=[str(notes), "old"], name="it")
    eventually(lambda: lines(notes), within=5)
    cron.add(tasks.write, every=1, args=[str(notes), "new"], name="it")
    before = len(lines(notes))
    eventually(lambda: len(lines(notes)) >= before + 2, within=5)
    assert set(lines(notes)[before + 1 :]) == {"new"}
    cron.pause("it")
    count = len(lines(notes))
    job = cron.run_now("it")
    job.result(timeout=10)
    assert job.meta["cron"] == {"name": "it", "slot": None}
    time.sleep(1.5)  # a slot would have come in this time
    assert len(lines(notes)) <= count + 2
    cron.resume("it")
    count = len(lines(notes))
    eventually(lambda: len(lines(notes)) > count, within=5)
    cron.remove("it")


def test_slots_are_on_time(store_url: str, start_worker: StartWorker, notes: Path) -> None:
    """An entry's jobs are enqueued within milliseconds of their slots."""
    start_worker()
    Queue(connection=store_url).enqueue(tasks.noop).result(timeout=20)
    cron = Cron(store_url)
    cron.add(tick, cron="* * * * * *", args=[str(notes)], name="second")
    eventually(lambda: len(lines(notes)) >= 3, within=10)
    cron.remove("second")
    late = [
        job.enqueued_at - job.meta["cron"]["slot"]
        for job in Queue(connection=store_url).finished.get_jobs()
        if "cron" in job.meta and job.enqueued_at
    ]
    assert all(0 <= each.total_seconds() < 0.25 for each in late)


def test_a_worker_writes_its_modules_entries(store_url: str, start_worker: StartWorker, notes: Path) -> None:
    """`winch worker --cron MODULE` writes what the module registers, and fires it."""
    worker = start_worker(
        "ticks", cron=("tests.integration.cron_tasks",), processes=2, environment={"CRON_NOTES": str(notes)}
    )
    eventually(lambda: lines(notes), within=20)
    found = {entry.name: entry for entry in Cron(store_url).entries()}
    assert sorted(found) == ["nightly", "tick"]
    assert found["tick"].source == "tests.integration.cron_tasks"
    assert found["nightly"].next_run is not None
    assert found["nightly"].next_run > datetime.now(UTC)
    assert worker.stop() == 0
