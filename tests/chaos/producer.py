"""A producer: a process that enqueues, cancels, requeues and looks, and notes what it asked and what it was told.

Its invocation is noted before the call, the answer after it. What it does comes from its seed; how far it gets does not.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from tests.chaos import jobs
from tests.chaos.history import History
from tests.chaos.processes import die_with_parent
from winch import Dependency, Job, JobStatus, Queue, Retry
from winch.errors import EnqueueError, JobError, StoreError
from winch.ids import new_id
from winch.options import JobKeywords
from winch.queue import Call
from winch.states import ENDED
from winch.stores.contract import ENQUEUE_BATCH

KEEP = 86_400
"""Seconds that ended jobs are kept: longer than any soak, so that the final dump holds all of them."""

QUEUES = ("left", "right")

_CATCH_UP = 15.0
"""Seconds of work that a producer makes up for after an outage."""

_FULL = 3_000
"""Queued jobs at which producers wait."""

Made = tuple[str, Call[Any], dict[str, Any]]
"""A job to enqueue: its kind, its call, and what the checker has to know."""


class Producer:
    """See the module.

    Args:
        url: Of the store.
        name: New for every process.
        seed: Of its choices.
        rate: Jobs per second.
        folder: Where histories are written.
    """

    def __init__(self, url: str, name: str, seed: str, rate: float, folder: Path) -> None:
        self._queues = [Queue(queue, url, result_ttl=KEEP, failure_ttl=KEEP) for queue in QUEUES]
        self._name, self._rate = name, rate
        self._random = random.Random(seed)
        self._history = History(folder / f"{name}.jsonl")
        self._calls = 0
        self._sent = 0
        self._mine: deque[str] = deque(maxlen=ENQUEUE_BATCH)
        self._simple: deque[str] = deque(maxlen=200)
        self._stopping = False
        self._look_at = 0.0
        self._deeds: dict[Callable[[], None], float] = {
            self.batch: 10,
            self.family: 2,
            self.single: 2,
            self.postponed: 1,
            self.look: 0.5,
            self.cancel: 0.7,
            self.stop: 0.2,
            self.requeue: 0.4,
            self.twice: 0.1,
            self.orphan: 0.1,
            self.poison: 0.05,
        }

    def run(self) -> None:
        """Do one thing after the other, at the pace that was asked for, until told to stop."""
        began = time.monotonic()
        while not self._stopping:
            (deed,) = self._random.choices(list(self._deeds), list(self._deeds.values()))
            deed()
            ahead = self._sent / self._rate - (time.monotonic() - began)
            if ahead < -_CATCH_UP:
                began += -_CATCH_UP - ahead
            elif ahead > 0:
                time.sleep(min(ahead, 1.0))
            self._hold_back()

    def _hold_back(self) -> None:
        """Make no more while many wait: the soak is about faults, not about how much a busy machine can do."""
        while not self._stopping and time.monotonic() > self._look_at:
            self._look_at = time.monotonic() + 0.5
            with suppress(StoreError):
                states = self._queues[0].connection.counts(QUEUES).values()
                if sum(each[JobStatus.QUEUED] for each in states) > _FULL:
                    time.sleep(0.5)

    def leave(self, _number: int, _frame: FrameType | None) -> None:
        """Finish what is under way, then stop."""
        self._stopping = True

    # ---- deeds ----

    def batch(self) -> None:
        """Up to fifty of all kinds at once."""
        self._enqueue([self._any() for _ in range(self._random.randint(1, 50))])

    def single(self) -> None:
        """One job."""
        self._enqueue([self._any()])

    def family(self) -> None:
        """A parent, its children, and a grandchild that waits for all of them."""
        kind = self._random.choice(("tick", "tick", "slow", "flaky", "broken"))
        policy = self._random.choice(("cancel", "run"))
        parent = self._made(kind)
        children = [
            self._child([parent], policy, self._random.choice(("tick", "atick")))
            for _ in range(self._random.randint(1, 4))
        ]
        self._enqueue([parent, *children, self._child(children, "run", "tick")])

    def postponed(self) -> None:
        """Jobs that are due later."""
        queue = self._random.choice(self._queues)
        for _ in range(self._random.randint(1, 5)):
            kind, made, facts = self._made("tick")
            delay = round(self._random.uniform(0.05, 3), 3)
            facts["delay"] = delay
            self._note_call(
                [(kind, made, facts)],
                lambda delay=delay, made=made: queue.using(**made.options).enqueue_in(delay, made.function),
            )

    def cancel(self) -> None:
        """Cancel a job that is not due yet, or may already run."""
        kind, made, facts = self._made("tick")
        delay = self._random.choice((0.0, 0.05, 30.0))
        facts["delay"] = delay
        queue = self._random.choice(self._queues)
        if self._note_call([(kind, made, facts)], lambda: queue.using(**made.options).enqueue_in(delay, made.function)):
            self._order("cancel", self._id(made), lambda job: job.cancel())

    def stop(self) -> None:
        """Stop a job that probably runs."""
        made = self._made("slow")
        if self._enqueue([made]):
            time.sleep(self._random.uniform(0, 0.2))
            self._order("cancel", self._id(made[1]), lambda job: job.cancel(stop=True), stop=True)

    def requeue(self) -> None:
        """Run a job again that may have ended."""
        if self._simple:
            job_id = self._random.choice(self._simple)
            self._simple.remove(job_id)
            self._order("requeue", job_id, lambda job: job.requeue())

    def twice(self) -> None:
        """A call that is refused: an id is in it twice."""
        made = self._made("tick")
        self._enqueue([self._made("tick"), made, made])

    def orphan(self) -> None:
        """A call that is refused: a parent does not exist."""
        kind, made, facts = self._made("tick")
        made.options["depends_on"] = Dependency(new_id())
        self._enqueue([self._made("tick"), (kind, made, facts)])

    def poison(self) -> None:
        """A job that kills who runs it, amid innocent ones."""
        way = self._random.choice(("kill", "kill", "exit", "supervisor"))
        self._enqueue([*(self._any() for _ in range(10)), self._made("poison", way), *(self._any() for _ in range(10))])

    def look(self) -> None:
        """Note which of the jobs of lately have ended."""
        asked = time.monotonic_ns()
        ids = self._random.sample(list(self._mine), min(len(self._mine), 100))
        try:
            found = Job.fetch_many(ids, self._queues[0].connection)
        except StoreError:
            return
        ends = [_seen(job) for job in found if job is not None and job.get_status(refresh=False) in ENDED]
        self._history.write("seen", "ok", p=self._name, asked=asked, ends=ends)

    # ---- what they are made of ----

    def _any(self) -> Made:
        (kind,) = self._random.choices(_KINDS, _WEIGHTS)
        return self._made(kind)

    def _made(self, kind: str, *args: Any) -> Made:
        """A job of a kind, with an id, and now and then with callbacks."""
        options: dict[str, Any] = {"job_id": new_id()}
        facts: dict[str, Any] = {}
        match kind:
            case "atick":
                args = (round(self._random.choice((0, 0.01, 0.1)), 4),)
            case "slow":
                args = (round(self._random.choice((0.05, 0.1, 0.2, 0.5, 1.5)) * self._random.uniform(0.8, 1.2), 3),)
            case "flaky":
                facts["times"] = self._random.randint(1, 3)
                args = (facts["times"],)
                options["retry"] = Retry(3, interval=self._random.choice((0, 0.05, 1)))
            case "later":
                args = (self._random.randint(1, 2),)
            case "overdue":
                args = (20.0,)
                options["timeout"] = 0.3
            case _:
                pass
        if self._random.random() < 0.05:
            options |= {"on_success": jobs.succeeded, "on_failure": jobs.failed, "on_stopped": jobs.stopped}
            facts["callbacks"] = True
        return kind, Call(getattr(jobs, kind), args, None, JobKeywords(**options)), facts

    def _child(self, parents: list[Made], policy: Any, kind: str) -> Made:
        _, made, facts = child = self._made(kind)
        ids = [self._id(parent[1]) for parent in parents]
        made.options["depends_on"] = Dependency(ids, on_failure=policy)
        facts |= {"parents": ids, "policy": policy}
        return child

    @staticmethod
    def _id(made: Call[Any]) -> str:
        return str(made.options.get("job_id"))

    def _enqueue(self, made: list[Made]) -> bool:
        queue = self._random.choice(self._queues)
        return self._note_call(made, lambda: queue.enqueue_many([call for _, call, _ in made]))

    def _note_call(self, made: list[Made], call: Callable[[], object]) -> bool:
        self._calls += 1
        entries = [(self._id(one), kind, facts) for kind, one, facts in made]
        self._history.write("enqueue", "invoke", p=self._name, call=self._calls, jobs=entries)
        self._sent += len(made)
        if not self._answered("enqueue", call):
            return False
        self._mine.extend(one for one, _, _ in entries)
        self._simple.extend(one for one, kind, facts in entries if kind in ("tick", "broken") and not facts)
        return True

    def _order(self, op: str, id: str, order: Callable[[Job[Any]], None], **facts: Any) -> None:
        self._calls += 1
        self._history.write(op, "invoke", p=self._name, call=self._calls, id=id, **facts)
        self._answered(op, lambda: order(Job.fetch(id, self._queues[0].connection)))

    def _answered(self, op: str, call: Callable[[], object]) -> bool:
        """Make a call and note its answer."""
        kind, why = "ok", ""
        try:
            call()
        except (EnqueueError, JobError) as error:
            kind, why = "fail", type(error).__name__
        except StoreError as error:
            kind, why = "info", str(error)[:200]
        self._history.write(op, kind, p=self._name, call=self._calls, why=why)
        return kind == "ok"


_KINDS = ("tick", "atick", "slow", "flaky", "later", "broken", "overdue")
_WEIGHTS = (85, 8, 0.8, 1.2, 1.0, 0.8, 0.08)
"""Such that the fleet is busy half of the time: a fault that hits nobody proves nothing."""


def _seen(job: Job[Any]) -> list[Any]:
    token = job.return_value() if job.get_status(refresh=False) is JobStatus.FINISHED else None
    return [job.id, str(job.get_status(refresh=False)), token]


def main() -> None:
    """`python -m tests.chaos.producer URL NAME SEED RATE FOLDER PARENT`."""
    url, name, seed, rate, folder, parent = sys.argv[1:]
    die_with_parent(int(parent))
    producer = Producer(url, name, seed, float(rate), Path(folder))
    signal.signal(signal.SIGTERM, producer.leave)
    producer.run()


if __name__ == "__main__":
    main()
