"""Workers as Python sees them: found, looked at, told, and started with RQ's words."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.helpers import Boss, add, record
from winch import Job, Queue
from winch.command import (
    send_kill_horse_command,
    send_quiet_command,
    send_restart_command,
    send_resume_command,
    send_shutdown_command,
    send_stop_job_command,
)
from winch.errors import InvalidJobOperation, InvalidOption, NoSuchJob, NoSuchWorker, NotEnlisted, UnimportableFunction
from winch.job import get_store
from winch.stores.contract import Store
from winch.worker import Worker, WorkerPool, WorkerView
from winch.worker.log import level_name
from winch.worker.settings import WorkerSettings


@pytest.fixture
def boss(store: Store) -> Boss:
    """A worker `w` with one executor."""
    boss = Boss(store, name="w", boot="elsewhere")
    boss.lane()
    return boss


def handler(*_: Any) -> None:
    """A function with a path."""


# ---- found and looked at --------------------------------------------------------------------------------------------


def test_a_worker_is_found_by_name_and_by_id(store: Store, boss: Boss) -> None:
    """By its name or its id; an unknown one is an error that names those that there are."""
    assert Worker.find("w", store).id == boss.id
    assert Worker.find(boss.id, store).name == "w"
    with pytest.raises(NoSuchWorker, match="knows no worker 'v'; workers there: w"):
        Worker.find("v", store)
    store.retire_worker(boss.id)
    with pytest.raises(NoSuchWorker, match="workers there: none"):
        Worker.find("w", store)


def test_of_several_the_living_and_the_youngest_is_found(store: Store, boss: Boss) -> None:
    """A name is a label: the dead come last."""
    dead = Boss(store, name="w", ttl=0)
    young = Boss(store, name="w", boot="elsewhere")
    assert {each.id for each in WorkerView.named(store, "w")} == {boss.id, dead.id, young.id}
    assert WorkerView.named(store, "w")[-1].id == dead.id


def test_the_state_of_a_worker(store: Store) -> None:
    """started, idle, busy, suspended and dead, each for its reason."""
    boss = Boss(store, name="w", boot="elsewhere")
    state: Callable[[], str] = lambda: Worker.find("w", store).state  # noqa: E731
    assert state() == "started"
    executor = boss.lane()
    assert state() == "idle"
    store.pause("q")
    assert state() == "suspended"
    store.resume("q")
    added = add(store)
    claim = executor.one()
    assert state() == "busy"
    view = Worker.find("w", store)
    assert (view.current_execution_count, view.get_current_job_ids()) == (1, [added])
    assert [job.id for job in view.get_current_jobs()] == [added]
    boss.beat(quiet=True)
    assert (state(), Worker.find("w", store).is_quiet) == ("suspended", True)
    executor.settle(claim, run=2_500)
    view = Worker.find("w", store)
    assert (view.successful_job_count, view.failed_job_count, view.total_working_time) == (1, 0, 2.5)
    assert (view.get_current_jobs(), view.get_current_job()) == ([], None)
    store.retire_worker(boss.id)
    Boss(store, name="w", ttl=0)
    assert state() == "dead"


# ---- told -----------------------------------------------------------------------------------------------------------


def test_what_a_worker_is_told_waits_for_it(store: Store, boss: Boss) -> None:
    """Methods and RQ's functions put commands into its record, in order; without an answer `wait` is in vain."""
    view = Worker.find("w", store)
    assert not view.quiet()
    assert not view.restart(wait=0)
    assert not view.resume()
    assert not view.shutdown()
    assert not view.shutdown(now=True)
    for send in (send_quiet_command, send_restart_command, send_resume_command, send_shutdown_command):
        send(store, "w")
    expected = ["quiet", "restart", "resume", "shutdown", "shutdown-now", "quiet", "restart", "resume", "shutdown"]
    assert Worker.find("w", store).pending == expected
    assert [command.name for command in boss.beat().commands] == expected


def test_an_answer_ends_the_wait(store: Store, boss: Boss) -> None:
    """A command counts as obeyed once it is acknowledged, or the worker has left."""
    view = Worker.find("w", store)
    number = store.send(boss.id, "first")
    boss.beat(acknowledged=number + 1)
    assert view.send("second", wait=0) is False
    boss.beat(acknowledged=number + 1)
    assert Worker.find("w", store).pending == []
    store.retire_worker(boss.id)
    with pytest.raises(NotEnlisted):
        view.quiet()
    with pytest.raises(NotEnlisted):
        view.stop_job()


def test_what_is_no_command_is_not_sent(store: Store, boss: Boss) -> None:
    """A name is one short word; everything else is refused before it gets into the store."""
    view = Worker.find("w", store)
    for name in ("", "x" * 65, "a\nb", "ä", "\x00"):
        with pytest.raises(InvalidOption, match="no command"):
            view.send(name)
    assert Worker.find("w", store).pending == []


def test_jobs_are_ended_through_their_worker(store: Store, boss: Boss) -> None:
    """stop_job ends what has begun, by id or all; what has not begun is left, and so is what another worker runs."""
    one, two = add(store), add(store)
    executor = boss.lanes[0]
    claims = executor.take(one, two)
    executor.begin(claims[0])
    view = Worker.find("w", store)
    with pytest.raises(InvalidJobOperation, match="does not run job other"):
        view.stop_job("other")
    send_kill_horse_command(store, "w")
    assert (record(store, one).state, record(store, two).state) == ("stopped", "started")
    assert view.stop_job(two) == [two]
    assert view.stop_job() == []
    assert Job.fetch(two, store).is_stopped


def test_stopping_a_job_that_does_not_run(store: Store, boss: Boss) -> None:
    """RQ's command to stop a job wants one that runs."""
    waiting = add(store)
    with pytest.raises(InvalidJobOperation, match="cancel it"):
        send_stop_job_command(store, waiting)
    with pytest.raises(NoSuchJob):
        send_stop_job_command(store, "nothing")
    [claim] = boss.lanes[0].take(waiting)
    send_stop_job_command(store, claim.id)
    assert Job.fetch(waiting, store).is_stopped


# ---- started with RQ's words ----------------------------------------------------------------------------------------


def test_hooks_are_functions_or_paths(store_url: str) -> None:
    """One or several; a lambda is refused by name, and so is what is no path."""
    path = f"{__name__}.handler"
    worker = Worker("q", store_url, exception_handlers=[handler, "shop.tell"], on_crash=handler)
    assert worker.settings.exception_handlers == (path, "shop.tell")
    assert worker.settings.on_crash == (path,)
    with pytest.raises(UnimportableFunction, match="lambda"):
        Worker("q", store_url, exception_handlers=lambda *_: None)
    with pytest.raises(UnimportableFunction, match="not the path"):
        WorkerSettings(on_crash=("no path",))


def test_queues_with_weights(store_url: str) -> None:
    """`high=3` in a list of queues, or a `Queue`, which has the weight 1."""
    settings = Worker(["high=3", Queue("low", store_url)], store_url).settings
    assert (settings.queues, settings.weights) == (("high", "low"), (3, 1))


def test_a_pool_is_a_worker_with_processes(store_url: str) -> None:
    """RQ's WorkerPool takes its arguments, and all that a worker takes."""
    pool = WorkerPool(["a", "b"], store_url, num_workers=3, threads=2)
    assert (pool.worker.settings.processes, pool.worker.settings.threads) == (3, 2)
    assert pool.worker.settings.queues == ("a", "b")


def test_what_cannot_be_asked_of_work(store_url: str) -> None:
    """Levels, formats and strategies that do not exist are refused before anything starts."""
    worker = Worker("q", store_url)
    formats = ("%(nonsense", "%(nonsense)s", "%(message)d")
    bad_formats = [{"log_format": text} for text in formats]
    for bad in ({"logging_level": "loud"}, {"dequeue_strategy": "fair"}, *bad_formats):
        with pytest.raises(InvalidOption):
            worker.work(burst=True, **bad)  # type: ignore[arg-type]
    assert Worker.all(get_store(store_url)) == []


def test_levels_by_name_and_by_number() -> None:
    """As `logging` knows them, in any case."""
    assert [level_name(level) for level in ("info", logging.DEBUG, "CRITICAL")] == ["INFO", "DEBUG", "CRITICAL"]
    with pytest.raises(InvalidOption, match="no level"):
        level_name(17)
