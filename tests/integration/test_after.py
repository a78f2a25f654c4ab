"""What comes after a run: callbacks, several and of each attempt; webhooks; repeats. With real workers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.hooks import CERTIFICATE, HookServer, hook_server
from tests.integration import tasks
from tests.integration.conftest import StartWorker, eventually, lines
from winch import Callback, Job, Queue, Repeat, Retry, Webhook
from winch.states import JobStatus
from winch.stores.contract import JobRecord

pytestmark = pytest.mark.integration

QUICK = Retry(2, interval=0.1)


def others(queue: Queue, *jobs: Job[Any]) -> list[JobRecord]:
    """The records of all ended jobs of a queue but these: callbacks and webhooks, by their end."""
    known = {job.id for job in jobs}
    listed = (queue.connection.list(queue.name, state) for state in (JobStatus.FINISHED, JobStatus.FAILED))
    found = queue.connection.get([one for ids in listed for one in ids if one not in known])
    return sorted((record for record in found if record), key=lambda record: record.ended_at)


# ---- callbacks ------------------------------------------------------------------------------------------------------


def test_several_callbacks_run_in_their_order(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """All callbacks of an event are called, first the first."""
    several = [tasks.on_success, Callback(tasks.on_success_too, timeout=5)]
    job = queue.enqueue(tasks.add, 1, 2, on_success=several, meta={"path": str(notes)})
    start_worker(burst=True).wait()
    assert lines(notes) == [f"success {job.id} 3 finished", f"too {job.id} 3"]


def test_a_callback_at_each_attempt(queue: Queue, start_worker: StartWorker, notes: Path, tmp_path: Path) -> None:
    """Callback(f, each_attempt=True) is called after every failed attempt, a plain one once at the end."""
    meta = {"path": str(notes)}
    callbacks = [Callback(tasks.on_failure, each_attempt=True), tasks.on_failure_too]
    job = queue.enqueue(tasks.fail_until, str(tmp_path / "tries"), 9, retry=2, on_failure=callbacks, meta=meta)
    start_worker(burst=True).wait()
    assert job.is_failed
    tries = [
        f"failure {job.id} ValueError builtins.ValueError: attempt {n} | ValueError: attempt {n}" for n in (1, 2, 3)
    ]
    assert sorted(lines(notes)) == sorted([*tries, f"too {job.id} 3 raised"])


def test_a_crash_is_an_attempt_too(queue: Queue, start_worker: StartWorker, notes: Path, tmp_path: Path) -> None:
    """A job that kills its process three times calls its callback each time."""
    callback = Callback(tasks.on_failure, each_attempt=True)
    job = queue.enqueue(tasks.leave, str(tmp_path / "x"), 9, on_failure=callback, meta={"path": str(notes)})
    start_worker()
    eventually(lambda: len(lines(notes)) == 3, within=30)
    assert job.is_failed
    assert all(line.startswith(f"failure {job.id} JobFailed JobCrashed:") for line in lines(notes))


def test_a_callback_with_a_policy_of_its_own(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Callback(f, retry=...) runs again when it fails; the job knows nothing of it."""
    callback = Callback(tasks.on_success_at_the_second_try, retry=QUICK)
    job = queue.enqueue(tasks.add, 1, 2, on_success=callback, meta={"path": str(notes)})
    start_worker()
    eventually(lambda: lines(notes) == ["try", "try"])
    [called] = eventually(lambda: others(queue, job))
    assert [attempt.outcome for attempt in called.history] == ["retry", "finished"]
    assert job.is_finished


# ---- repeats --------------------------------------------------------------------------------------------------------


def test_a_job_repeats_at_its_intervals(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Repeat(3, [...]) runs four times, waits in the order given, and keeps the last result."""
    start_worker()
    job = queue.enqueue(tasks.count_up, str(notes), repeat=Repeat(3, [0.1, 0.2, 0.3]))
    assert job.result(timeout=20) == 4
    times = [float(line) for line in lines(notes)]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert len(gaps) == 3
    for gap, interval in zip(gaps, (0.1, 0.2, 0.3), strict=True):
        assert interval <= gap + 0.005
    job.refresh()
    assert [attempt.outcome for attempt in job.attempts] == ["finished"] * 4
    assert job.repeats_left == 0


def test_between_two_repeats_the_result_is_there(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A job that waits for its next run is scheduled, and return_value() is the last one; it can be canceled."""
    start_worker()
    job = queue.enqueue(tasks.count_up, str(notes), repeat=Repeat(5, 60))
    eventually(lambda: job.return_value(refresh=True) == 1)
    assert job.is_scheduled
    assert job.repeats_left == 4
    job.cancel()
    assert job.return_value() is None


def test_a_failure_ends_the_repeats(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A run that fails for good is the last; retries come before that, anew for each run."""
    job = queue.enqueue(tasks.fail_from, str(notes), 3, repeat=5, retry=1)
    start_worker(burst=True).wait()
    job.refresh()
    assert job.is_failed
    assert [attempt.outcome for attempt in job.attempts] == ["finished", "finished", "retry", "failed"]


def test_every_repeat_calls(queue: Queue, start_worker: StartWorker, notes: Path, tmp_path: Path) -> None:
    """on_success is called after each run, with its result."""
    job = queue.enqueue(
        tasks.count_up, str(tmp_path / "runs"), repeat=2, on_success=tasks.on_success_too, meta={"path": str(notes)}
    )
    start_worker(burst=True).wait()
    assert sorted(lines(notes)) == [f"too {job.id} {n}" for n in (1, 2, 3)]


# ---- webhooks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[HookServer]:
    """A server that is told, which the settings allow."""
    monkeypatch.setenv("WINCH_WEBHOOK_ALLOW", "localhost")
    with hook_server() as server:
        yield server


def test_a_post_tells_of_the_job(queue: Queue, start_worker: StartWorker, hook: HookServer) -> None:
    """A webhook for `finished` and one for `failed` are told of their end, with RQ's fields, and of no other."""
    hooks = [Webhook(hook.url(f"/{status}"), status, method="POST") for status in ("finished", "failed")]
    good = queue.enqueue(tasks.add, 1, 2, webhooks=hooks)
    bad = queue.enqueue(tasks.fail, "oh", webhooks=hooks)
    start_worker(burst=True).wait()
    told = {received.path: received for received in hook.received}
    assert sorted(told) == ["/failed", "/finished"]
    assert {received.method for received in hook.received} == {"POST"}
    finished, failed = told["/finished"].json, told["/failed"].json
    assert set(finished) == {"job_id", "func_name", "status", "enqueued_at", "ended_at"}
    assert (finished["job_id"], finished["status"]) == (good.id, "finished")
    assert (failed["job_id"], failed["status"]) == (bad.id, "failed")
    assert finished["func_name"] == "tests.integration.tasks.add"
    assert "ValueError: oh" in failed["exc_info"]
    good.refresh()
    assert datetime.fromisoformat(finished["ended_at"]) == good.ended_at
    assert told["/failed"].headers["Content-Type"] == "application/json"


def test_a_get_says_nothing_of_the_job(queue: Queue, start_worker: StartWorker, hook: HookServer) -> None:
    """GET is the default and has no body; headers are sent along."""
    job = queue.enqueue(tasks.add, 1, 2, webhooks=Webhook(hook.url("/x?y=1"), headers={"X-Key": "k"}))
    start_worker(burst=True).wait()
    [received] = hook.received
    assert (received.method, received.path, received.body) == ("GET", "/x?y=1", b"")
    assert received.headers["X-Key"] == "k"
    [delivery] = others(queue, job)
    assert received.headers["Webhook-Id"] == delivery.id


def test_a_delivery_is_tried_again(queue: Queue, start_worker: StartWorker, hook: HookServer) -> None:
    """After status 500 it is retried by its policy, under the same id; the job knows nothing of it."""
    hook.answers.extend([500, 503])
    job = queue.enqueue(tasks.add, 1, 2, webhooks=Webhook(hook.url(), retry=QUICK))
    start_worker()
    [delivery] = eventually(lambda: others(queue, job))
    assert [attempt.outcome for attempt in delivery.history] == ["retry", "retry", "finished"]
    assert {received.headers["Webhook-Id"] for received in hook.received} == {delivery.id}
    assert job.is_finished
    assert len(job.attempts) <= 1


def test_a_server_that_comes_late(
    queue: Queue, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, hook: HookServer
) -> None:
    """A refused connection is tried again too: the server may come back."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    job = queue.enqueue(tasks.add, 1, 2, webhooks=Webhook(f"http://localhost:{port}/", retry=Retry(50, interval=0.1)))
    worker = start_worker()
    eventually(lambda: "ConnectionRefusedError" in worker.log)
    with hook_server(port=port) as late:
        eventually(lambda: late.received)
    [delivery] = eventually(lambda: others(queue, job))
    assert delivery.state is JobStatus.FINISHED


def test_a_delivery_that_never_arrives_changes_nothing(
    queue: Queue, start_worker: StartWorker, hook: HookServer
) -> None:
    """The job stays finished; the delivery is a failed job that says why."""
    hook.answers.extend([500] * 3)
    job = queue.enqueue(tasks.add, 1, 2, webhooks=Webhook(hook.url(), retry=QUICK))
    start_worker()
    [delivery] = eventually(lambda: others(queue, job))
    assert delivery.state is JobStatus.FAILED
    assert job.result(timeout=5) == 3
    exc_info = Job[Any].fetch(delivery.id, queue.connection).exc_info
    assert exc_info is not None
    assert f"GET localhost:{hook.port}: status 500" in exc_info


def test_private_addresses_are_refused_by_default(
    queue: Queue, start_worker: StartWorker, hook: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the setting nothing is sent; the delivery fails at once and says how to allow it."""
    monkeypatch.delenv("WINCH_WEBHOOK_ALLOW")
    job = queue.enqueue(tasks.add, 1, 2, webhooks=Webhook(hook.url()))
    worker = start_worker(burst=True)
    worker.wait()
    [delivery] = others(queue, job)
    assert (delivery.state, delivery.attempts) == (JobStatus.FAILED, 1)
    assert "WINCH_WEBHOOK_ALLOW=localhost" in worker.log
    assert hook.received == []


def test_redirects_are_not_followed(queue: Queue, start_worker: StartWorker, hook: HookServer) -> None:
    """The delivery fails at once and says where it would have led."""
    hook.answers.append(307)
    hook.headers["Location"] = hook.url("/elsewhere")
    job = queue.enqueue(tasks.add, 1, 2, webhooks=Webhook(hook.url()))
    worker = start_worker(burst=True)
    worker.wait()
    [delivery] = others(queue, job)
    assert (delivery.state, delivery.attempts) == (JobStatus.FAILED, 1)
    assert "/elsewhere" in worker.log
    assert len(hook.received) == 1


def test_a_delivery_by_tls(queue: Queue, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's name is checked against its certificate: the name in it is served, another one is not."""
    monkeypatch.setenv("WINCH_WEBHOOK_ALLOW", "127.0.0.0/8,::1")
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with hook_server(tls=True) as server:
        hooks = [Webhook(server.url(f"/{host}", host=host), retry=0) for host in ("localhost", "127.0.0.1")]
        job = queue.enqueue(tasks.add, 1, 2, webhooks=hooks)
        worker = start_worker(burst=True)
        worker.wait()
        assert [received.path for received in server.received] == ["/localhost"]
    assert {record.state for record in others(queue, job)} == {JobStatus.FINISHED, JobStatus.FAILED}
    assert "not valid for '127.0.0.1'" in worker.log


def test_a_stopped_job_and_its_webhook(queue: Queue, start_worker: StartWorker, hook: HookServer, notes: Path) -> None:
    """`stopped` is told as well."""
    job = queue.enqueue(tasks.nap, str(notes), "x", 60, webhooks=Webhook(hook.url(), "stopped", method="POST"))
    start_worker()
    eventually(lambda: lines(notes))
    job.cancel(stop=True)
    eventually(lambda: hook.received)
    assert hook.received[0].json["status"] == "stopped"
