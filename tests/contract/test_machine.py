"""Each store beside the model: the same calls in the same order, the same answers and the same state after each step.

Hypothesis makes up the calls and shrinks what it finds. There are few rules, and what they draw is weighted, so that jobs
run, fail, crash and free their children rather than being refused. A store is asked first, then the model's clock is set to the
store's, then the model is asked. Earlier numbered calls are sent again at any time: nothing may change.
"""

# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from tests.contract.conftest import open_at
from tests.contract.helpers import check_consistent, eventually, hinted
from tests.model import EVENTS, ModelStore, essence
from winch.errors import DuplicateJob, NotEnlisted, UnknownDependency, WinchError
from winch.ids import new_id
from winch.states import ENDED, JobStatus
from winch.stores.contract import (
    Beat,
    Call,
    Claim,
    Command,
    Held,
    NewCallback,
    NewJob,
    Outcome,
    Retired,
    StaleCall,
    Store,
    Turn,
    WorkerInfo,
    WorkerRecord,
)

S = JobStatus
QUEUES = ("a", "b")
UUIDS = [f"0190abcd-0000-7000-8000-{n:012x}" for n in range(99)]
IDS = ["one", "two", *UUIDS[:4]]  # these are used again and again, and then some once
FAR = 86_400_000
STEPS = int(os.environ.get("WINCH_MACHINE_STEPS", "40"))

ROOM = st.sampled_from([4, 4, 2, 1, 0])

Draw = st.DataObject
Verb = Callable[[Store], Any]
Options = st.SearchStrategy[dict[str, Any]]

MADE = tuple(NewCallback(event, event.encode()) for event in EVENTS.values())
KINDS = ["finished", "finished", "finished", "failed", "failed", "retry", "retry", "returned", "stopped"]
CALLS = ["cancel", "cancel", "requeue", "requeue", "delete", "annotate", "empty", "forget", "pause", "send", "promote"]

job_options: Options = st.fixed_dictionaries(
    {
        "queue": st.sampled_from(QUEUES),
        "payload": st.binary(max_size=3),
        "priority": st.sampled_from([0, 0, 0, 1, -1]),
        "at_front": st.sampled_from([False, False, True]),
        "delay": st.sampled_from([0, 0, 0, 0, 0, FAR]),
        "ttl": st.sampled_from([0, FAR]),
        "result_ttl": st.sampled_from([FAR, FAR, FAR, -1, 0]),
        "failure_ttl": st.sampled_from([FAR, FAR, FAR, -1, 0]),
        "max_crashes": st.integers(1, 3),
        "on_failure": st.sampled_from(["cancel", "wait", "run"]),
        "callbacks": st.sampled_from([(), (), MADE, MADE[:1], MADE[1:]]),
    }
)
outcome_options: Options = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "run": st.integers(0, 3),
        "result": st.sampled_from([b"", b"r"]),
        "detail": st.sampled_from([b"", b"d"]),
        "delay": st.sampled_from([0, 0, 0, FAR]),
        "counts": st.booleans(),
        "at_front": st.booleans(),
    }
)


@dataclass
class Sent:
    """A numbered call that was answered, to be sent again."""

    call: Call
    send: Verb
    answer: Any


class StoreBesideModel(RuleBasedStateMachine):
    """Drives a store and the model in lock-step."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1
        self.store = self.make()
        self.model = ModelStore(lambda: self.time)
        self.tokens: dict[int, int] = {0: 0}  # the model's -> the store's
        self.lost: list[Held] = []  # claims that were settled or lost, under the model's tokens
        self.lanes: dict[str, int] = {}  # executors that were ever enlisted, with the number of their last turn
        self.bosses: dict[str, int] = {}
        self.channels = {"c1": 0, "c2": 0}
        self.sent: list[Sent] = []
        self.seen = dict.fromkeys(IDS)  # every id that there ever was, in order: drawing from it can be repeated
        self.fresh = iter(UUIDS[4:])

    def make(self) -> Store:
        """A new store."""
        raise NotImplementedError

    # ---- asking both ------------------------------------------------------------------------------------------------

    def both(self, ask_store: Verb, ask_model: Verb | None = None) -> tuple[Any, Any]:
        """Ask the store, set the model's clock, ask the model: both answers, or the types of both errors."""
        found = attempt(ask_store, self.store)
        now = getattr(found, "now", None)
        self.time = now if isinstance(now, int) else self.store.now()
        expected = attempt(ask_model or ask_store, self.model)
        self.seen |= dict.fromkeys(self.model.jobs)
        return found, expected

    def ask(self, ask: Callable[[Store, Call], Any], channel: str) -> tuple[Any, Any]:
        """A numbered call of a client to both."""
        self.channels[channel] += 1
        call = Call(channel, self.channels[channel])
        found, expected = self.both(lambda store: ask(store, call))
        if not is_error(found):
            self.sent.append(Sent(call, lambda store: ask(store, call), found))
        return found, expected

    def theirs(self, held: Held) -> Held:
        """A claim under the store's token."""
        return Held(self.tokens.get(held.token, held.token), held.id)

    def held(self, executor: str) -> list[Held]:
        return [Held(job.token, job.id) for job in self.model.held_by([executor])]

    def draw_outcomes(self, data: Draw, held: Sequence[Held]) -> list[Outcome]:
        """What became of most of these claims, and now and then of one that is held no more."""
        chosen = [each for each in held if data.draw(st.integers(0, 3), "settled") > 0]
        if self.lost and data.draw(st.integers(0, 5), "late") == 5:
            chosen.append(data.draw(st.sampled_from(self.lost)))
        reasons = {"failed": "raised", "retry": "timeout", "stopped": "stopped", "returned": "interrupted"}
        outcomes: list[Outcome] = []
        for token, job in chosen:
            options = data.draw(outcome_options)
            outcomes.append(Outcome(token, job, reason=reasons.get(options["kind"], ""), **options))
        return outcomes

    def their_outcomes(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        return [outcome._replace(token=self.theirs(Held(outcome.token, outcome.id)).token) for outcome in outcomes]

    def remember_lost(self, before: Sequence[Held]) -> None:
        self.lost += before
        del self.lost[:-20]

    # ---- jobs -------------------------------------------------------------------------------------------------------

    @initialize(data=st.data())
    def open_the_shop(self, data: Draw) -> None:
        self.hire()
        self.hire()
        self.enqueue(data, 4)

    @rule(data=st.data(), n=st.integers(1, 4))
    def enqueue(self, data: Draw, n: int) -> None:
        jobs = [self.draw_job(data) for _ in range(n)]
        eventually(lambda: self.store.now() > self.time)  # an id has one incarnation per millisecond
        found, expected = self.ask(lambda store, call: store.enqueue(jobs, call=call), "c1")
        if is_error(found) and len(jobs) > 1:
            assert {found, expected} <= {DuplicateJob, UnknownDependency}
        else:
            assert found == expected

    def draw_job(self, data: Draw) -> NewJob:
        """A job under an id that was used before, or a new one; its parents exist, as a rule."""
        free = [one for one in IDS if one not in self.model.jobs or self.model.jobs[one].state in ENDED]
        chosen = free if data.draw(st.integers(0, 9), "an id that may be in use") < 9 else IDS
        one = data.draw(st.sampled_from([*chosen, next(self.fresh)]), "id")
        known = sorted(set(self.model.jobs) & set(self.seen), key=list(self.seen).index)
        known = known if data.draw(st.integers(0, 19), "unknown parents") < 19 else IDS
        parents = data.draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else []
        return new_job(data.draw(job_options), id=one, parents=tuple(parents))

    @rule(data=st.data(), verb=st.sampled_from(CALLS), queue=st.sampled_from(QUEUES), flag=st.booleans())
    def control(self, data: Draw, verb: str, queue: str, flag: bool) -> None:
        """One of the calls of a client."""
        if self.model.held_back and data.draw(st.booleans(), "resume"):
            queue, verb = min(self.model.held_back), "resume"
        one = data.draw(st.sampled_from(list(self.seen)), "id")
        boss = data.draw(st.sampled_from(sorted(self.bosses)), "worker")
        calls: dict[str, Callable[[Store, Call], Any]] = {
            "cancel": lambda store, call: store.cancel(one, stop=flag, call=call),
            "requeue": lambda store, call: store.requeue(one, at_front=flag, call=call),
            "delete": lambda store, call: store.delete([one, "unknown"], call=call),
            "annotate": lambda store, call: store.annotate(one, b"noted", call=call),
            "empty": lambda store, call: store.empty(queue, limit=2, call=call),
            "forget": lambda store, call: store.forget(queue, call=call),
            "pause": lambda store, call: store.pause(queue, call=call),
            "resume": lambda store, call: store.resume(queue, call=call),
            "send": lambda store, call: store.send(boss, "shutdown", call=call),
            "promote": lambda store, call: store.promote(call=call),
        }
        before = [Held(job.token, job.id) for job in self.model.held_by(self.lanes)]
        found, expected = self.ask(calls[verb], "c2")
        self.remember_lost([held for held in before if held.id == one])
        if verb == "promote":
            assert (found is None) == (expected is None)
            # before that, children that are gone may count as firing
            assert self.store.drained(QUEUES) == self.model.drained(QUEUES)
        else:
            assert found == expected

    # ---- workers ----------------------------------------------------------------------------------------------------

    def hire(self) -> None:
        """One more worker with two executors."""
        name = f"w{len(self.bosses)}"
        info = WorkerInfo(name, name, "here", "boot", 1, 2, QUEUES, "1", FAR, FAR, 2)
        found, expected = self.ask(lambda store, call: store.enlist(info, call=call), "c1")
        assert is_error(found) == is_error(expected)
        self.bosses[name] = 0
        for _ in range(2):
            self.enlist(name)

    def replace_the_gone(self) -> None:
        """Two workers with two executors each are always there."""
        for boss in list(self.model.fleet):
            while len(self.crew(boss)) < 2:
                self.enlist(boss)
        while len(self.model.fleet) < 2:
            self.hire()

    def enlist(self, boss: str) -> None:
        executor = f"x{len(self.lanes)}"
        found, expected = self.ask(lambda store, call: store.enlist_executor(boss, executor, call=call), "c2")
        assert found == expected
        self.lanes[executor] = 0

    @rule(data=st.data(), queues=st.sampled_from([("a", "b"), ("a", "b"), ("b", "a"), ("b",), ()]), room=ROOM)
    def turn(self, data: Draw, queues: tuple[str, ...], room: int) -> None:
        executor = data.draw(st.sampled_from(sorted(self.model.executors)), "executor")
        before = self.held(executor)
        outcomes = self.draw_outcomes(data, before)
        begins = [held for held in before if data.draw(st.booleans(), "begun")]
        settled = {outcome.token for outcome in outcomes}
        if any(job.suspect and job.token not in settled for job in self.model.held_by([executor])):
            room = 0  # an executor that runs a suspect asks for nothing beside it
        self.lanes[executor] += 1
        call = Call(executor, self.lanes[executor])
        theirs = partial(
            take_turn, call, self.their_outcomes(outcomes), [self.theirs(each) for each in begins], queues, room
        )
        found, expected = self.both(theirs, partial(take_turn, call, outcomes, begins, queues, room))
        self.remember_lost([held for held in before if held.token in settled])
        self.compare_turns(found, expected, room)
        self.sent.append(Sent(call, theirs, found))

    @rule(data=st.data(), queues=st.sampled_from([("a", "b"), ("b", "a")]))
    def another_turn(self, data: Draw, queues: tuple[str, ...]) -> None:
        """What happens most, and so has two rules."""
        self.turn(data, queues, 3)

    def compare_turns(self, found: Turn, expected: Turn, room: int) -> None:
        self.tokens |= {mine.token: theirs.token for mine, theirs in zip(expected.claims, found.claims, strict=False)}
        assert [timeless(claim) for claim in found.claims] == [timeless(claim) for claim in expected.claims]
        assert [carried(claim) for claim in found.claims] == [carried(claim) for claim in expected.claims]
        assert list(found.late) == [self.tokens.get(token, token) for token in expected.late]
        assert (found.next_due is None) == (expected.next_due is None)
        assert not found.more
        if len(expected.claims) < room and not any(claim.suspect for claim in expected.claims):
            assert found.alone == expected.alone

    @rule(data=st.data(), crashed=st.sampled_from([True, True, False]), detail=st.sampled_from(["", "signal 9"]))
    def retire(self, data: Draw, crashed: bool, detail: str) -> None:
        gone = sorted(set(self.lanes) - set(self.model.executors))[-1:]
        executor = data.draw(st.sampled_from([*sorted(self.model.executors), *gone]), "executor")
        before = self.held(executor)
        outcomes = self.draw_outcomes(data, before)[:1]
        begun = [held for held in before if data.draw(st.integers(0, 3), "begun") == 3]
        options = {"crashed": crashed, "detail": detail}
        self.channels["c1"] += 1
        call = Call("c1", self.channels["c1"])
        theirs = {"outcomes": self.their_outcomes(outcomes), "begun": [self.theirs(each) for each in begun]}
        send = partial(retire, executor, call, options | theirs)
        found, expected = self.both(
            send, partial(retire, executor, call, {**options, "outcomes": outcomes, "begun": begun})
        )
        assert [sorted(part) for part in found] == [sorted(part) for part in expected]
        self.remember_lost(before)
        self.sent.append(Sent(call, send, found))
        if executor in gone:
            refused = partial(take_turn, Call(executor, 10**6), [], [], QUEUES, 1)
            assert self.both(refused) == (NotEnlisted, NotEnlisted)
        self.replace_the_gone()

    @rule(data=st.data())
    def retire_worker(self, data: Draw) -> None:
        boss = data.draw(st.sampled_from(sorted(self.bosses)), "worker")
        found, expected = self.ask(lambda store, call: store.retire_worker(boss, call=call), "c1")
        assert found == expected
        self.replace_the_gone()

    @rule(data=st.data(), acknowledged=st.integers(0, 3), died=st.booleans())
    def beat(self, data: Draw, acknowledged: int, died: bool) -> None:
        boss = data.draw(st.sampled_from(sorted(self.bosses)[-3:]), "worker")
        others = sorted(set(self.bosses) - {boss})[-3:]
        gone = [data.draw(st.sampled_from(others), "gone")] if died else []
        named = data.draw(st.sampled_from([[], sorted(self.lanes)]), "executors")
        before = [held for each in gone if each in self.model.fleet for x in self.crew(each) for held in self.held(x)]
        self.bosses[boss] += 1
        call = Call(boss, self.bosses[boss])
        send = partial(beat, call, named, acknowledged, gone)
        found, expected = self.both(send)
        self.remember_lost(before)
        if is_error(found) or is_error(expected):
            assert found == expected == NotEnlisted
            return
        assert sorted(found.strays) == sorted(expected.strays)
        assert sorted(found.rescued) == sorted(expected.rescued)
        assert list(found.commands) == self.their_commands(expected.commands)
        assert (found.next_due is None) == (expected.next_due is None)
        self.sent.append(Sent(call, send, found))
        self.replace_the_gone()

    def crew(self, boss: str) -> list[str]:
        return self.model.fleet[boss].executors

    def their_commands(self, commands: Sequence[Command]) -> list[Command]:
        return [command._replace(token=self.tokens[command.token]) for command in commands]

    # ---- again ------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def again(self, data: Draw) -> None:
        """An earlier call is sent once more: the last of its channel answers the same, any other is stale."""
        latest = {sent.call.channel: sent for sent in self.sent}
        sent = data.draw(st.sampled_from(self.sent + list(latest.values())), "sent again")
        found = attempt(sent.send, self.store)
        is_last = sent.call.number == self.last_number(sent.call.channel)
        if isinstance(sent.answer, Turn | Beat) and is_error(found):
            left = sent.call.channel not in self.model.executors and sent.call.channel not in self.model.fleet
            assert found is (NotEnlisted if left else StaleCall) or (found is StaleCall and left)
            assert left or not is_last
        elif not is_last:
            assert found is StaleCall
        elif isinstance(sent.answer, Turn):
            held = {self.theirs(each) for each in self.held(sent.call.channel)}
            assert [c[:2] for c in found.claims] == [c[:2] for c in sent.answer.claims if Held(*c[:2]) in held]
        elif isinstance(sent.answer, Beat):
            assert found[1:3] == sent.answer[1:3]
            assert found.rescued == sent.answer.rescued
        else:
            assert found == sent.answer

    def last_number(self, channel: str) -> int:
        """The number of the channel's last call that was not refused."""
        return max(sent.call.number for sent in self.sent if sent.call.channel == channel)

    # ---- after each step --------------------------------------------------------------------------------------------

    @invariant()
    def equal(self) -> None:
        """Queues, indexes, records and workers are the model's."""
        store, model = self.store, self.model
        assert store.queues() == model.queues()
        assert store.paused() == model.paused()
        assert store.counts() == model.counts()
        for name in model.queues():
            assert store.list(name, S.QUEUED, limit=1000) == model.list(name, S.QUEUED, limit=1000)
            for state in set(S) - {S.QUEUED}:
                if model.list(name, state):
                    assert sorted(store.list(name, state, limit=1000)) == sorted(model.list(name, state, limit=1000))
        every = list(self.seen)
        for one, found, expected in zip(every, store.get(every), model.get(every), strict=True):
            assert (one, found and essence(found)) == (one, expected and essence(expected))
            if found and expected:
                assert self.tokens[expected.token] == found.token
                assert expected.parent or found.created_at == expected.created_at
        waiting = [one for one in every if (job := model.jobs.get(one)) and job.state is S.QUEUED]
        assert [store.position(one) for one in waiting[:3]] == [model.position(one) for one in waiting[:3]]
        assert model.drained(QUEUES) or not store.drained(QUEUES)
        assert [worker_essence(each) for each in store.workers()] == [worker_essence(each) for each in model.workers()]

    def teardown(self) -> None:
        """In the end: indexes agree with records, and every queue with claimable work wakes a sleeper (rule 29)."""
        try:
            check_consistent(self.store)
            for name in self.model.dump()["claimable"]:
                assert hinted(self.store, name), f"{name} has work and no marker"
        finally:
            self.store.close()


def new_job(options: dict[str, Any], **changes: Any) -> NewJob:
    """A job of drawn options."""
    return NewJob(**options | changes)


def attempt(ask: Verb, store: Store) -> Any:
    """The answer, or the type of the error."""
    try:
        return ask(store)
    except WinchError as error:
        return type(error)


def is_error(answer: Any) -> bool:
    """Whether an attempt was refused."""
    return isinstance(answer, type)


def take_turn(
    call: Call, outcomes: list[Outcome], begins: list[Held], queues: Sequence[str], room: int, store: Store
) -> Turn:
    """A turn as a numbered call."""
    return store.turn(call.channel, call.number, outcomes, begins, queues, room, {})


def retire(executor: str, call: Call, options: dict[str, Any], store: Store) -> Retired:
    """A retirement as a numbered call."""
    return store.retire(executor, call=call, **options)


def beat(call: Call, executors: list[str], acknowledged: int, gone: list[str], store: Store) -> Beat:
    """A beat as a numbered call."""
    return store.beat(call.channel, call.number, executors, acknowledged, gone)


def timeless(claim: Claim) -> Claim:
    """A claim without its token, its parent, and the times that the model cannot know to the millisecond."""
    return claim._replace(token=0, parent=None, created_at=0, enqueued_at=0, wait=0)


def carried(claim: Claim) -> dict[str, Any] | None:
    """The parent that a callback carries; when it expires is nobody's business, it may be gone."""
    return claim.parent and essence(claim.parent) | {"expires": None}


def worker_essence(worker: WorkerRecord) -> tuple[Any, ...]:
    """What two stores must agree on."""
    numbers = (worker.finished, worker.failed, worker.run_ms)
    return (worker.info, worker.alive, sorted(worker.executors), worker.jobs, *numbers)


def drive(make: Callable[[], Store]) -> None:
    """Run the machine over new stores."""

    class Machine(StoreBesideModel):
        def make(self) -> Store:
            return make()

    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(Machine, settings=settings(stateful_step_count=STEPS, suppress_health_check=slow))


def test_the_model_beside_itself() -> None:
    """The machine's own calls and comparisons are sound: two models do the same."""
    drive(ModelStore)


@pytest.mark.sqlite
@pytest.mark.slow
@pytest.mark.timeout(300)  # to shrink what it finds takes longer than to find it
def test_sqlite_beside_the_model(tmp_path: Path) -> None:
    """SQLite does what the model does."""
    drive(lambda: open_at(f"sqlite:///{tmp_path / new_id()}.db"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_redis_beside_the_model(redis_url: str) -> None:
    """Redis does what the model does."""
    with Redis.from_url(redis_url) as client:

        def make() -> Store:
            client.flushdb()
            return open_at(redis_url)

        drive(make)
