"""The soak's judge itself: a good history passes, and each kind of bad one is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.checker import Final, Report, check
from tests.chaos.history import Line
from tests.chaos.world import SECOND

TTL = 3.0


class Story:
    """A history made by hand. `at` is in seconds."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.final: dict[str, Final] = {}
        self.calls = 0

    def tell(self, at: float, op: str, type: str, **facts: Any) -> None:
        self.lines.append({"t": int(at * SECOND), "op": op, "type": type, **facts})

    def enqueue(self, at: float, job: str, kind: str = "tick", answer: str | None = "ok", **facts: Any) -> None:
        """A call with one job, answered 10 ms later."""
        self.calls += 1
        self.tell(at, "enqueue", "invoke", p="p0.1", call=self.calls, jobs=[[job, kind, facts]])
        if answer is not None:
            self.tell(at + 0.01, "enqueue", answer, p="p0.1", call=self.calls)

    def order(self, at: float, op: str, job: str, answer: str = "ok", **facts: Any) -> None:
        """A cancel or a requeue, answered 10 ms later."""
        self.calls += 1
        self.tell(at, op, "invoke", p="p0.1", call=self.calls, id=job, **facts)
        self.tell(at + 0.01, op, answer, p="p0.1", call=self.calls)

    def run(
        self,
        at: float,
        job: str,
        token: int,
        kind: str = "tick",
        how: str | None = "return",
        takes: float = 0.01,
        worker: str = "w0.1",
        **facts: Any,
    ) -> None:
        """A run from its start to its end; without `how` it never ends."""
        who: dict[str, Any] = {"w": worker, "pid": 7, "id": job, "token": token}
        self.tell(at, "run", "start", kind=kind, **who, **facts)
        if how is not None:
            self.tell(at + takes, "run", "end", **who, how=how)

    def fault(self, at: float, kind: str, seconds: float = 0.0, worker: str = "w0.1") -> None:
        """A fault that one worker feels."""
        facts: dict[str, Any] = {"kind": kind, "workers": [worker], "since": int(at * SECOND)}
        self.tell(at, "fault", "begin", **facts)
        if seconds:
            self.tell(at + seconds, "fault", "end", **facts)

    def ends(self, job: str, state: str = "finished", reason: str = "", **facts: Any) -> None:
        """The job as the store has it at the end."""
        self.final[job] = Final(state, reason, listed=(state,))._replace(**facts)

    def judged(self) -> Report:
        """What the checker says."""
        lines = sorted(self.lines, key=lambda line: line["t"])
        return check(lines, self.final, ttl=TTL)

    def rules(self) -> set[str]:
        """The rules that were broken."""
        return {violation.rule for violation in self.judged().violations}


class Bad(Story):
    """Histories in which one thing is wrong each."""

    def lost(self) -> None:
        self.run(2, "a", 1)

    def lost_without_an_answer(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "b", answer="info")
        self.run(2, "b", 2)

    def unfinished(self) -> None:
        self.ends("a", "queued")

    def in_two_indexes(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1, listed=("queued", "finished"))

    def refused_and_run(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "b", answer="fail")
        self.run(2, "b", 2)

    def one_token_twice(self) -> None:
        self.run(2, "a", 1)
        self.fault(2.5, "kill_executor")
        self.run(3, "a", 1)
        self.ends("a", token=1)

    def result_of_no_run(self) -> None:
        self.run(2, "a", 1, how=None)
        self.fault(2.5, "kill_executor")
        self.run(3, "a", 2)
        self.ends("a", token=1)

    def two_results(self) -> None:
        self.run(2, "a", 1)
        self.tell(2.5, "seen", "ok", p="p0.1", asked=0, ends=[["a", "finished", 1]])
        self.fault(2.005, "kill_executor")
        self.run(2.4, "a", 2)
        self.ends("a", token=2)

    def start_after_the_end(self) -> None:
        self.run(2, "a", 1)
        self.tell(2.5, "seen", "ok", p="p0.1", asked=0, ends=[["a", "finished", 1]])
        self.fault(2.6, "kill_executor")
        self.run(3, "a", 2)
        self.ends("a", token=1)

    def start_after_its_child(self) -> None:
        self.run(2, "a", 1)
        self.enqueue(1, "child", parents=["a"], policy="run")
        self.run(2.5, "child", 2)
        self.fault(2.6, "kill_executor")
        self.run(3, "a", 3)
        self.ends("a", token=1)
        self.ends("child", token=2)

    def start_after_the_cancel(self) -> None:
        self.order(2, "cancel", "a")
        self.run(3, "a", 1)
        self.ends("a", "canceled")

    def child_before_its_parent(self) -> None:
        self.run(2, "a", 1, takes=1)
        self.ends("a", token=1)
        self.enqueue(1, "child", parents=["a"], policy="run")
        self.run(2.5, "child", 2)
        self.ends("child", token=2)

    def child_of_a_failure(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "broken", "broken")
        self.run(2, "broken", 2, "broken", how="NoRetry")
        self.ends("broken", "failed", "raised")
        self.enqueue(1, "child", parents=["broken"], policy="cancel")
        self.run(3, "child", 3)
        self.ends("child", token=3)

    def child_that_did_not_run(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "child", parents=["a"], policy="run")
        self.ends("child", "canceled", "dependency")

    def child_twice(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "child", parents=["a"], policy="run")
        self.run(3, "child", 2)
        self.run(4, "child", 3)
        self.ends("child", token=3)

    def too_early(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "b", delay=2)
        self.run(2.9, "b", 2)
        self.ends("b", token=2)

    def innocent_blamed(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1, crashes=1, charged=(("w0.1", 2 * SECOND),))

    def innocent_blamed_for_poison(self) -> None:
        self.run(2, "a", 1, takes=0.3)
        self.ends("a", token=1, crashes=1, charged=(("w0.1", int(2.3 * SECOND)),))
        self.enqueue(1, "b", "poison")
        for token in (2, 3, 4):
            self.run(token, "b", token, "poison", how=None)
        self.ends("b", "failed", "crashed", crashes=3)

    def poison_without_end(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "b", "poison")
        for token in range(2, 10):
            self.run(token, "b", token, "poison", how=None)
        self.ends("b", "failed", "crashed", crashes=3)

    def poison_forgiven(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "b", "poison")
        self.run(2, "b", 2, "poison", how=None)
        self.ends("b", "canceled")

    def repeated_for_nothing(self) -> None:
        self.run(2, "a", 1)
        self.run(3, "a", 2)
        self.ends("a", token=2)

    def repeated_long_after_the_kill(self) -> None:
        self.run(2, "a", 1)
        self.fault(50, "kill_executor")
        self.run(51, "a", 2)
        self.ends("a", token=2)

    def repeated_because_of_a_lost_reply(self) -> None:
        self.run(2, "a", 1)
        self.fault(2, "drop_reply")
        self.run(3, "a", 2)
        self.ends("a", token=2)

    def failed_for_nothing(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", "failed", "raised")

    def canceled_by_nobody(self) -> None:
        self.ends("a", "canceled")

    def cancel_forgotten(self) -> None:
        self.run(1.5, "a", 1)
        self.order(2, "cancel", "a")
        self.ends("a", token=1)

    def failure_counted_twice(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "b", "flaky", times=1)
        self.run(2, "b", 2, "flaky", how="ValueError")
        self.run(3, "b", 3, "flaky")
        self.ends("b", token=3, fails=2)

    def no_callback(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.enqueue(1, "b", callbacks=True)
        self.run(2, "b", 2)
        self.ends("b", token=2)

    def two_callbacks(self) -> None:
        self.no_callback()
        self.run(3, "first", 3, "callback", parent="b", event="success")
        self.run(3, "second", 4, "callback", parent="b", event="success")
        self.ends("first", token=3)
        self.ends("second", token=4)

    def callback_of_another_event(self) -> None:
        self.no_callback()
        self.run(3, "first", 3, "callback", parent="b", event="failure")
        self.ends("first", token=3)

    def worker_gone(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.tell(1, "worker", "spawn", w="w1.1", pid=9)
        self.tell(99, "canary", "ok", w="w1.1")
        self.tell(50, "worker", "exit", w="w1.1", pid=9, code=1, asked=False)

    def worker_hangs(self) -> None:
        self.run(2, "a", 1)
        self.ends("a", token=1)
        self.tell(1, "worker", "spawn", w="w1.1", pid=9)


@pytest.fixture
def story() -> Bad:
    """One job `a` that has been enqueued, and a worker that was there, and works at the end."""
    told = Bad()
    told.tell(0, "worker", "spawn", w="w0.1", pid=6)
    told.tell(99, "canary", "ok", w="w0.1")
    told.tell(100, "worker", "exit", w="w0.1", pid=6, code=0, asked=True)
    told.enqueue(1, "a")
    return told


def test_a_good_history_has_no_violations(story: Bad) -> None:
    """Every kind of job as it should be, with faults, re-runs and unknown answers: no complaint."""
    story.run(2, "a", 1)
    story.ends("a", token=1)
    story.enqueue(1, "killed", "slow")
    story.run(2, "killed", 2, "slow", how=None)
    story.fault(2.5, "kill_executor")
    story.run(3, "killed", 3, "slow")
    story.ends("killed", token=3, crashes=1, charged=(("w0.1", int(2.6 * SECOND)),))
    story.enqueue(1, "flaky", "flaky", times=1)
    story.run(2, "flaky", 4, "flaky", how="ValueError")
    story.run(3, "flaky", 5, "flaky")
    story.ends("flaky", token=5, fails=1)
    story.enqueue(1, "unknown", answer=None)
    story.enqueue(1, "unknown, done", answer="info")
    story.run(2, "unknown, done", 6)
    story.ends("unknown, done", token=6)
    story.enqueue(1, "broken", "broken", callbacks=True)
    story.run(2, "broken", 7, "broken", how="NoRetry")
    story.ends("broken", "failed", "raised")
    story.run(2.1, "callback", 8, "callback", parent="broken", event="failure")
    story.ends("callback", token=8)
    story.enqueue(1, "heir", parents=["broken"], policy="cancel")
    story.ends("heir", "canceled", "dependency")
    story.enqueue(1, "child", parents=["broken", "a"], policy="run")
    story.run(2.2, "child", 9)
    story.ends("child", token=9)
    story.enqueue(1, "poison", "poison")
    for token in (10, 11, 12):
        story.run(token, "poison", token, "poison", how=None)
    story.ends("poison", "failed", "crashed", crashes=3)
    story.enqueue(1, "canceled", delay=30)
    story.order(2, "cancel", "canceled")
    story.ends("canceled", "canceled")
    story.enqueue(1, "again")
    story.run(2, "again", 13)
    story.tell(2.5, "seen", "ok", p="p0.1", asked=0, ends=[["again", "finished", 13]])
    story.order(3, "requeue", "again")
    story.run(4, "again", 14)
    story.ends("again", token=14)
    report = story.judged()
    assert report.violations == []
    assert (report.accepted, report.unknown, report.runs, report.reruns) == (9, 2, 14, 1)


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (Bad.lost, "lost"),
        (Bad.lost_without_an_answer, "lost"),
        (Bad.unfinished, "unfinished"),
        (Bad.in_two_indexes, "index"),
        (Bad.refused_and_run, "refused"),
        (Bad.one_token_twice, "token"),
        (Bad.result_of_no_run, "result"),
        (Bad.two_results, "result"),
        (Bad.start_after_the_end, "late"),
        (Bad.start_after_its_child, "late"),
        (Bad.start_after_the_cancel, "late"),
        (Bad.child_before_its_parent, "family"),
        (Bad.child_of_a_failure, "family"),
        (Bad.child_that_did_not_run, "family"),
        (Bad.child_twice, "rerun"),
        (Bad.too_early, "early"),
        (Bad.innocent_blamed, "blame"),
        (Bad.innocent_blamed_for_poison, "blame"),
        (Bad.poison_without_end, "blame"),
        (Bad.poison_forgiven, "blame"),
        (Bad.repeated_for_nothing, "rerun"),
        (Bad.repeated_long_after_the_kill, "rerun"),
        (Bad.repeated_because_of_a_lost_reply, "rerun"),
        (Bad.failed_for_nothing, "state"),
        (Bad.canceled_by_nobody, "state"),
        (Bad.cancel_forgotten, "state"),
        (Bad.failure_counted_twice, "state"),
        (Bad.no_callback, "callback"),
        (Bad.two_callbacks, "callback"),
        (Bad.callback_of_another_event, "callback"),
        (Bad.worker_gone, "worker"),
        (Bad.worker_hangs, "worker"),
    ],
)
def test_every_kind_of_bad_history_is_found(story: Bad, bad: Callable[[Bad], None], rule: str) -> None:
    """One thing is wrong: it is found under its rule, and nothing else is complained about."""
    bad(story)
    assert story.rules() == {rule}


def test_a_start_right_after_a_long_pause_is_counted_not_blamed(story: Bad) -> None:
    """A process that was stopped past its lease between the check and the start may begin one job too late, not two."""
    story.run(2, "a", 1)
    story.tell(2.5, "seen", "ok", p="p0.1", asked=0, ends=[["a", "finished", 1], ["b", "finished", 4]])
    story.fault(1.5, "stop_worker_long", seconds=4, worker="w1.1")
    story.run(5.6, "a", 0, worker="w1.1")
    story.ends("a", token=1)
    report = story.judged()
    assert (report.violations, report.residuals) == ([], 1)
    story.enqueue(1, "b")
    story.run(2, "b", 4)
    story.run(5.7, "b", 3, worker="w1.1")
    story.ends("b", token=4)
    assert story.rules() == {"late"}


def test_what_a_server_lost_with_its_data_is_not_asked_for(story: Bad) -> None:
    """After a loss of data, jobs from before may be gone; those from after it may not."""
    story.tell(5, "phase", "begin", name="wiped")
    assert story.rules() == set()
    story.enqueue(6, "b")
    assert story.rules() == {"lost"}
