"""The rule machine: a store beside the model, the same calls, the same answers and the same state after each step.

Hypothesis gives each step a number, which seeds the dice that make up the call, and leaves out steps until only those are
left that fail. (Drawing each choice from Hypothesis made one claim per run: most calls were refused.) A store is asked
first, then the model's clock is set to the store's, then the model is asked.

*Replay*: any earlier numbered call may be sent again at any later moment, and a call that was given up may come late. The
whole database must stay as it is, byte for byte, and the answer must be one that the caller can act on.

*Mischief* (`mischief.py`): servers forget, files are reopened, keys get in the way, processes are killed; whatever happens
to a call, the identical call is made once more, and then store and model must agree.

`WINCH_MACHINE_STEPS` (steps of a run, 50) and `WINCH_MACHINE_EXAMPLES` (runs, 20 to 60) make a long one:

    WINCH_MACHINE_STEPS=200 WINCH_MACHINE_EXAMPLES=2000 pytest tests/contract/test_machine.py tests/contract/test_replay.py
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.contract.helpers import check_consistent, eventually, hinted
from tests.contract.mischief import Site, Verb, With, attempt, is_error
from tests.model import EVENTS, ModelStore, essence, group_essence
from winch.errors import DuplicateJob, NoSuchGroup, NotEnlisted, UnknownDependency
from winch.states import ENDED, STATES, JobStatus
from winch.stores.contract import (
    ALL_QUEUES,
    Beat,
    Call,
    Claim,
    Command,
    EntryRecord,
    Fired,
    GroupRecord,
    Held,
    NewCallback,
    NewEntry,
    NewGroup,
    NewJob,
    NewLimit,
    OnFailure,
    Outcome,
    OutcomeKind,
    Retired,
    StaleCall,
    Store,
    Turn,
    WorkerInfo,
    WorkerRecord,
)

S = JobStatus
QUEUES = ("a", "b")
UUIDS = [f"0190abcd-0000-7000-8000-{n:012x}" for n in range(4_000)]  # enough for the longest run
IDS = ["one", "two", *UUIDS[:4]]  # these are used again and again, and then some once
FAR = 86_400_000
SEEDS = st.binary(min_size=8, max_size=8)  # unlike integers they come out evenly spread
STEPS = int(os.environ.get("WINCH_MACHINE_STEPS", "50"))
EXAMPLES = int(os.environ.get("WINCH_MACHINE_EXAMPLES", "0"))

# No token comes during a run: when one does is not the same for both to the millisecond.
LIMITS = [
    NewLimit("one", concurrency=1),
    NewLimit("two", concurrency=2),
    NewLimit("rate", rate=1, per=FAR, burst=2),
    NewLimit("both", concurrency=1, rate=3, per=FAR, burst=3),
    NewLimit("plenty", rate=5, per=FAR, burst=1_000),
]
MADE = tuple(NewCallback(event, event.encode()) for event in EVENTS.values())
SEVERAL = (*MADE, NewCallback("failure", b"each", each=True), NewCallback("success", b"again"))
REASONS = {"failed": "raised", "retry": "timeout", "stopped": "stopped", "returned": "interrupted"}
INLINE = {"take": 2, "report": 1}
WORKERS = {"turn": 14, "beat": 2, "retire": 3, "retire_worker": 1}
STEP = WORKERS | INLINE | {"enqueue": 6, "control": 5, "cron": 2, "group": 3, "again": 3}
MISCHIEF = {"turn": 8, "enqueue": 3, "control": 4, "cron": 2, "group": 2, "beat": 2, "retire": 2}  # what meets with it
METAS = (b"noted", b"\xff\0", b"")
CLIENTS: tuple[str, ...] = ("c1", "c2", "c3", "c4")
GROUPS = ("g", "h")
DONE = b"done"  # no rolled payload is like it
LARGE = bytes(range(256)) * 9
"""A payload or a result that takes more than a page of SQLite, which keeps such payloads apart."""
KIND = {"finished": 4, "failed": 2, "retry": 2, "returned": 1, "stopped": 1, "repeat": 1}
PLAIN = 0.4
"""So often all that ends has finished, and so often nothing begins: the turns that most are."""
CONTROL = {"cancel": 4, "requeue": 4, "delete": 2, "promote": 2, "pause": 1, "annotate": 1, "empty": 1, "forget": 1}
CRON = {"put_entries": 3, "remove_entry": 1, "pause_entry": 1, "fire_entry": 4}
ENTRIES = ("e", "f", "g")

T = TypeVar("T")


class Dice(random.Random):
    """What decides on a step."""

    def of(self, weights: Mapping[str, int]) -> str:
        return self.choices(list(weights), list(weights.values()))[0]

    def hit(self, chance: float) -> bool:
        return self.random() < chance

    def some(self, these: Sequence[T], chance: float) -> list[T]:
        return [each for each in these if self.hit(chance)]


@dataclass
class Sent:
    """A numbered call that was answered, to be sent again; without an answer one that was given up, to come late."""

    call: Call
    send: Verb
    answer: Any = None
    given_up: bool = False


class StoreBesideModel(RuleBasedStateMachine):
    """Drives a store and the model in lock-step.

    Attributes:
        site: Where the store is.
        weights: How often which step is taken.
    """

    site: Site
    weights: Mapping[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.time = 1
        self.store = self.site.make()
        self.trouble: Callable[[Verb], bool] | None = None  # for the next call
        self.results_are_lost = False  # of the call that is under way
        self.model = ModelStore(lambda: self.time)
        self.tokens: dict[int, int] = {0: 0}  # the model's -> the store's
        self.lost: list[Held] = []  # claims that were settled or lost, under the model's tokens
        self.lanes: dict[str, int] = {}  # executors that were ever enlisted, with the number of their last turn
        self.bosses: dict[str, int] = {}
        self.channels = dict.fromkeys(CLIENTS, 0)
        self.sent: list[Sent] = []
        self.seen = dict.fromkeys(IDS)  # every id that there ever was, in order: drawing from it can be repeated
        self.fresh = iter(UUIDS[4:])

    # ---- asking both ------------------------------------------------------------------------------------------------

    def both(self, ask_store: Verb, ask_model: Verb | None = None) -> tuple[Any, Any]:
        """Ask the store, set the model's clock, ask the model: both answers, or the types of both errors."""
        trouble, self.trouble = self.trouble, None
        self.results_are_lost = trouble is not None and trouble(ask_store)
        found = attempt(ask_store, self.store)
        now = getattr(found, "now", None)
        self.time = now if isinstance(now, int) else self.store.now()
        expected = attempt(ask_model or ask_store, self.model)
        self.seen |= dict.fromkeys(self.model.jobs)
        return found, expected

    def ask(self, ask: Callable[[Store, Call], Any], channel: str) -> tuple[Any, Any]:
        """A numbered call of a client to both."""
        call = self.next_call(channel)
        found, expected = self.both(lambda store: ask(store, call))
        if not is_error(found):
            self.sent.append(Sent(call, lambda store: ask(store, call), found))
        return found, expected

    def next_call(self, channel: str) -> Call:
        self.channels[channel] += 1
        return Call(channel, self.channels[channel])

    def theirs(self, held: Held) -> Held:
        """A claim under the store's token."""
        return Held(self.tokens.get(held.token, held.token), held.id)

    def held(self, executor: str) -> list[Held]:
        return [Held(job.token, job.id) for job in self.model.held_by([executor])]

    def roll_outcomes(self, dice: Dice, held: Sequence[Held]) -> list[Outcome]:
        """What became of most of these claims, and now and then of one that is held no more."""
        chosen = dice.some(held, 0.6) + dice.some(self.lost[-3:], 0.05)
        dice.shuffle(chosen)
        kinds = {"finished": 1} if dice.hit(PLAIN) else KIND
        return [self.roll_outcome(dice, each, kinds) for each in chosen]

    def roll_outcome(self, dice: Dice, held: Held, kinds: Mapping[str, int]) -> Outcome:
        kind = cast("OutcomeKind", dice.of(kinds))
        return Outcome(
            *held,
            kind,
            reason=REASONS.get(kind, ""),
            run=dice.randrange(4),
            result=dice.choice([b"", b"r", b"r", LARGE]),
            detail=dice.choice([b"", b"d"]),
            delay=dice.choice([0] * 7 + [FAR]),
            counts=dice.hit(0.7),
            at_front=dice.hit(0.3),
        )

    def their_outcomes(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        return [outcome._replace(token=self.theirs(Held(outcome.token, outcome.id)).token) for outcome in outcomes]

    def remember_lost(self, before: Sequence[Held]) -> None:
        self.lost += before
        del self.lost[:-20]

    # ---- jobs -------------------------------------------------------------------------------------------------------

    @initialize(seed=SEEDS)
    def open_the_shop(self, seed: bytes) -> None:
        """Two workers, and something to do."""
        self.replace_the_gone()
        self.enqueue(Dice(seed))

    @rule(seed=SEEDS)
    def step(self, seed: bytes) -> None:
        """One call of somebody."""
        dice = Dice(seed)
        getattr(self, dice.of(self.weights))(dice)
        self.replace_the_gone()

    def mischief(self, dice: Dice) -> None:
        """Something goes wrong, between two calls or with the next one."""
        between, with_call = self.site.between, self.site.with_call
        chosen = dice.randrange(len(between) + len(with_call))
        if chosen < len(between):
            note(f"mischief: {between[chosen].__name__}")
            self.store = between[chosen](self.store)
            return
        self.go_wrong(with_call[chosen - len(between)], dice)

    def lose(self, dice: Dice) -> None:
        """A call is made, and nobody knows whether it has happened."""
        self.go_wrong(dice.choice(self.site.lost), dice)

    def go_wrong(self, trouble: With, dice: Dice) -> None:
        note(f"mischief: {trouble.__name__}")
        self.trouble = lambda ask: trouble(dice, self.store, ask)
        getattr(self, dice.of(MISCHIEF))(dice)
        self.trouble = None

    def enqueue(self, dice: Dice) -> None:
        jobs = [self.roll_job(dice) for _ in range(dice.randint(1, 4))]
        note(f"enqueue {jobs}")
        eventually(lambda: self.store.now() > self.time)  # an id has one incarnation per millisecond
        client = dice.choice(CLIENTS)
        if dice.hit(0.1):
            call = self.next_call(client)
            self.sent.append(Sent(call, lambda store: store.enqueue(jobs, call=call), given_up=True))
            return
        found, expected = self.ask(lambda store, call: store.enqueue(jobs, call=call), client)
        if is_error(found) and len(jobs) > 1:
            assert {found, expected} <= {DuplicateJob, UnknownDependency, NoSuchGroup}
        else:
            assert found == expected

    def roll_job(self, dice: Dice) -> NewJob:
        """A job under an id that was used before, or a new one; its parents exist, as a rule."""
        free = [one for one in IDS if one not in self.model.jobs or self.model.jobs[one].state in ENDED]
        one = dice.choice(IDS if dice.hit(0.02) else [*free, next(self.fresh)])
        known = [one for one in self.seen if one in self.model.jobs]
        living = [one for one in known if self.model.jobs[one].state not in ENDED]
        known = IDS if dice.hit(0.02) else living if living and dice.hit(0.8) else known
        if dice.hit(0.03):
            return NewJob(one, dice.choice(QUEUES), b"moved", error=b"elsewhere")
        return NewJob(
            one,
            dice.choice(QUEUES),
            LARGE if dice.hit(0.1) else dice.randbytes(dice.randrange(4)),
            priority=dice.choice([0, 0, 0, 1, -1]),
            at_front=dice.hit(0.2),
            delay=dice.choice([0] * 15 + [FAR]),
            ttl=dice.choice([0, FAR]),
            result_ttl=dice.choice([FAR, FAR, FAR, -1, 0]),
            failure_ttl=dice.choice([FAR, FAR, FAR, -1, 0]),
            max_crashes=dice.choice([1, 2, 2, 3, 5]),
            parents=tuple(dice.sample(known, min(len(known), dice.choice([0, 0, 1, 1, 2])))),
            on_failure=cast("OnFailure", dice.choice(["cancel", "wait", "run"])),
            group=dice.choice(GROUPS) if dice.hit(0.02) else dice.choice(["", *self.model.groups()]),
            callbacks=dice.choice([(), (), MADE, MADE[:1], SEVERAL]),
            limits=tuple(dice.sample(LIMITS, dice.choice([0, 0, 0, 1, 1, 2]))),
        )

    def control(self, dice: Dice) -> None:
        """One of the calls of a client."""
        verb, queue, flag = dice.of(CONTROL | {"send": 1}), dice.choice(QUEUES), dice.hit(0.5)
        queue, ttl = dice.choice([queue, queue, ALL_QUEUES]) if verb == "pause" else queue, dice.choice([0, FAR])
        if self.model.held_back and flag:
            queue, verb = min(self.model.held_back), "resume"
        fitting = [job.id for job in self.model.jobs.values() if (job.state in ENDED) == (verb == "requeue")]
        if verb in ("cancel", "delete") and dice.hit(0.4):
            fitting = [job.id for job in self.model.held_by(self.lanes)]
        one = dice.choice(fitting if fitting and dice.hit(0.8) else list(self.seen)[-12:] + IDS)
        boss = dice.choice(list(self.bosses)[-3:])
        told, meta = dice.hit(0.3), dice.choice(METAS)
        note(f"{verb} {queue} {one} {flag} {told} {boss}")
        calls: dict[str, Callable[[Store, Call], Any]] = {
            "cancel": lambda store, call: store.cancel(one, stop=flag, enqueue_dependents=told, call=call),
            "requeue": lambda store, call: store.requeue(one, at_front=flag, call=call),
            "delete": lambda store, call: store.delete([one, "unknown"], call=call),
            "annotate": lambda store, call: store.annotate(one, meta, call=call),
            "empty": lambda store, call: store.empty(queue, limit=2, call=call),
            "forget": lambda store, call: store.forget(queue, call=call),
            "pause": lambda store, call: store.pause(queue, ttl, call=call),
            "resume": lambda store, call: store.resume(queue, call=call),
            "send": lambda store, call: store.send(boss, "shutdown", call=call),
            "promote": lambda store, call: store.promote(call=call),
        }
        before = [Held(job.token, job.id) for job in self.model.held_by(self.lanes)]
        client = dice.choice(CLIENTS)
        if dice.hit(0.1):
            call = self.next_call(client)
            self.sent.append(Sent(call, lambda store: calls[verb](store, call), given_up=True))
            return
        found, expected = self.ask(calls[verb], client)
        self.remember_lost([held for held in before if held.id == one])
        if verb == "promote":
            assert (found is None) == (expected is None)
            # before that, children that are gone may count as firing
            assert self.store.drained(QUEUES) == self.model.drained(QUEUES)
        else:
            assert found == expected

    def cron(self, dice: Dice) -> None:
        """One of the calls about the cron table."""
        verb, name, source = dice.of(CRON), dice.choice(ENTRIES), dice.choice(["", "", "shop"])
        flag, version = dice.hit(0.5), dice.choice([0, 0, 1])
        entries = [
            NewEntry(each, dice.choice([b"1", b"2"]), dice.choice([b"a", b"b"])) for each in dice.some(ENTRIES, 0.4)
        ]
        job, offset = self.roll_job(dice), dice.choice([0, 0, 0, -FAR, FAR])
        job = job._replace(parents=(), group="", error=b"")
        stale = dice.hit(0.1)
        theirs, mine = (revision_of(store, name) + stale for store in (self.store, self.model))
        eventually(lambda: self.store.now() > self.time)
        slot = self.store.now() + offset
        note(f"{verb} {name!r} {source!r} {flag} {version} {entries} {slot} {job}")
        calls: dict[str, Callable[[Store, Call], Any]] = {
            "put_entries": lambda store, call: store.put_entries(
                source, entries, version=version, whole=flag, call=call
            ),
            "remove_entry": lambda store, call: store.remove_entry(name, call=call),
            "pause_entry": lambda store, call: store.pause_entry(name, flag, call=call),
            "fire_entry": lambda store, call: store.fire_entry(
                name, mine if store is self.model else theirs, slot, job, call=call
            ),
        }
        found, expected = self.ask(calls[verb], dice.choice(CLIENTS))
        assert (found[1:] if isinstance(found, Fired) else found) == (
            expected[1:] if isinstance(expected, Fired) else expected
        )

    def group(self, dice: Dice) -> None:
        """A call about a group."""
        one, client = dice.choice(GROUPS), dice.choice(CLIENTS)
        verb = dice.of({"create_group": 6, "hold_group": 2, "release_group": 3, "delete_group": 1})
        new = NewGroup(one, dice.choice([FAR, FAR, -1]), *dice.choice([("", b""), ("a", DONE), ("b", DONE)]))
        note(f"{verb} {new}")
        eventually(lambda: self.store.now() > self.time)  # an id has one incarnation per millisecond
        calls: dict[str, Callable[[Store, Call], Any]] = {
            "create_group": lambda store, call: store.create_group(new, call=call),
            "hold_group": lambda store, call: store.hold_group(one, call=call),
            "release_group": lambda store, call: store.release_group(one, call=call),
            "delete_group": lambda store, call: store.delete_group(one, call=call),
        }
        found, expected = self.ask(calls[verb], client)
        if isinstance(found, GroupRecord):
            found, expected = group_essence(found), group_essence(expected)
        assert found == expected

    # ---- workers ----------------------------------------------------------------------------------------------------

    def replace_the_gone(self) -> None:
        """Two workers with two executors each are always there."""
        for boss in list(self.model.fleet):
            while len(self.crew(boss)) < 2:
                self.enlist(boss)
        while len(self.model.fleet) < 2:
            self.hire()

    def hire(self) -> None:
        """One more worker with two executors: the last one that has gone, under a new id."""
        name = f"w{len(self.bosses)}"
        former = next((boss for boss in reversed(self.bosses) if boss not in self.model.fleet), "")
        info = WorkerInfo(name, name, "here", "boot", 1, 2, QUEUES, "1", FAR, FAR, 2)
        found, expected = self.ask(lambda store, call: store.enlist(info, former=former, call=call), "c1")
        assert is_error(found) == is_error(expected)
        self.bosses[name] = 0
        for _ in range(2):
            self.enlist(name)

    def enlist(self, boss: str) -> None:
        executor = f"x{len(self.lanes)}"
        found, expected = self.ask(lambda store, call: store.enlist_executor(boss, executor, call=call), "c2")
        assert found == expected
        self.lanes[executor] = 0

    def roll_executor(self, dice: Dice) -> str:
        """An executor, rather one that holds something."""
        busy = [executor for executor in self.model.executors if self.held(executor)]
        return dice.choice(busy if busy and dice.hit(0.6) else list(self.model.executors))

    def turn(self, dice: Dice) -> None:
        executor = self.roll_executor(dice)
        queues = dice.choice([("a", "b"), ("a", "b"), ("b", "a"), ("b",), ()])
        room = dice.choice([9, 5, 3, 2, 0])
        before = self.held(executor)
        outcomes = self.roll_outcomes(dice, before)
        begins = [] if dice.hit(PLAIN) else dice.some(before, 0.7)
        settled = {outcome.token for outcome in outcomes}
        note(f"turn of {executor}: {outcomes} {begins} {queues} {room}")
        self.lanes[executor] += 1
        call = Call(executor, self.lanes[executor])
        theirs = partial(
            take_turn, call, self.their_outcomes(outcomes), [self.theirs(each) for each in begins], queues, room
        )
        found, expected = self.both(
            theirs, lambda model: take_turn(call, self.kept(outcomes), begins, queues, room, model)
        )
        self.remember_lost([held for held in before if held.token in settled])
        self.compare_turns(found, expected, room)
        self.sent.append(Sent(call, theirs, found))

    def take(self, dice: Dice) -> None:
        executor, client = self.roll_executor(dice), dice.choice(CLIENTS)
        waiting = [job.id for job in self.model.jobs.values() if job.state is S.QUEUED]
        one = dice.choice(waiting if waiting and dice.hit(0.9) else IDS)
        note(f"take {one} by {executor}")
        found, expected = self.ask(lambda store, call: store.take(executor, one, call=call), client)
        if expected and found:
            self.tokens[expected.token] = found.token
            assert (timeless(found), carried(found)) == (timeless(expected), carried(expected))
        assert bool(found) == bool(expected)

    def report(self, dice: Dice) -> None:
        held = dice.choice([*self.held(self.roll_executor(dice)), *self.lost[-2:]] or [Held(1, "one")])
        call, progress = self.next_call(dice.choice(CLIENTS)), dice.choice([b"half", b"\xffall", b""])
        note(f"report {held}")
        theirs, mine = partial(report, call, self.theirs(held), progress), partial(report, call, held, progress)
        found, expected = self.both(theirs, mine)
        assert found == expected
        self.sent.append(Sent(call, theirs, found))

    def kept(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """What the store has kept of these outcomes."""
        return [outcome._replace(result=b"") if self.results_are_lost else outcome for outcome in outcomes]

    def compare_turns(self, found: Turn, expected: Turn, room: int) -> None:
        self.tokens |= {mine.token: theirs.token for mine, theirs in zip(expected.claims, found.claims, strict=False)}
        assert [timeless(claim) for claim in found.claims] == [timeless(claim) for claim in expected.claims]
        assert [carried(claim) for claim in found.claims] == [carried(claim) for claim in expected.claims]
        assert list(found.late) == [self.tokens.get(token, token) for token in expected.late]
        assert (found.next_due is None) == (expected.next_due is None)
        assert not found.more
        if len(expected.claims) < room and not any(claim.suspect for claim in expected.claims):
            assert found.alone == expected.alone

    def retire(self, dice: Dice) -> None:
        gone = [lane for lane in self.lanes if lane not in self.model.executors][-1:]
        executor = gone[0] if gone and dice.hit(0.1) else self.roll_executor(dice)
        before = self.held(executor)
        outcomes = self.roll_outcomes(dice, before)[:1]
        begun = dice.some(before, 0.3)
        crashed, detail = dice.hit(0.7), dice.choice(["", "signal 9"])
        note(f"retire {executor} holding {before}: {outcomes} {crashed} {begun}")
        options = {"crashed": crashed, "detail": detail}
        call = self.next_call("c1")
        theirs = {"outcomes": self.their_outcomes(outcomes), "begun": [self.theirs(each) for each in begun]}
        send = partial(retire, executor, call, options | theirs)
        found, expected = self.both(
            send,
            lambda model: retire(executor, call, {**options, "outcomes": self.kept(outcomes), "begun": begun}, model),
        )
        assert [sorted(part) for part in found] == [sorted(part) for part in expected]
        self.remember_lost(before)
        self.sent.append(Sent(call, send, found))
        if executor in gone:
            refused = partial(take_turn, Call(executor, 10**6), [], [], QUEUES, 1)
            assert self.both(refused) == (NotEnlisted, NotEnlisted)

    def retire_worker(self, dice: Dice) -> None:
        boss = dice.choice(list(self.bosses)[-4:])
        note(f"retire {boss}")
        found, expected = self.ask(lambda store, call: store.retire_worker(boss, call=call), "c1")
        assert found == expected

    def beat(self, dice: Dice) -> None:
        boss, other = dice.sample(list(self.bosses)[-3:] if dice.hit(0.1) else list(self.model.fleet), 2)
        gone = [other] if dice.hit(0.5) else []
        named = dice.choice([[], sorted(self.lanes)])
        acknowledged, quiet = dice.randrange(4), dice.hit(0.5)
        note(f"beat of {boss}, {gone} are gone")
        before = [held for each in gone if each in self.model.fleet for x in self.crew(each) for held in self.held(x)]
        self.bosses[boss] += 1
        call = Call(boss, self.bosses[boss])
        send = partial(beat, call, named, acknowledged, gone, quiet)
        found, expected = self.both(send)
        self.remember_lost(before)
        if is_error(found) or is_error(expected):
            assert found == expected == NotEnlisted
            return
        assert sorted(found.strays) == sorted(expected.strays)
        assert sorted(found.rescued) == sorted(expected.rescued)
        assert list(found.commands) == self.their_commands(expected.commands)
        assert (found.next_due is None) == (expected.next_due is None)
        assert found.cron == self.store.cron_table().version
        self.sent.append(Sent(call, send, found))

    def crew(self, boss: str) -> list[str]:
        return self.model.fleet[boss].executors

    def their_commands(self, commands: Sequence[Command]) -> list[Command]:
        return [command._replace(token=self.tokens[command.token]) for command in commands]

    # ---- again ------------------------------------------------------------------------------------------------------

    def again(self, dice: Dice) -> None:
        """An earlier call is sent once more: the last of its channel answers the same, any other is stale.

        Whatever it was and whatever has happened since, the database stays as it is.
        """
        answered = [sent for sent in self.sent if not sent.given_up]
        latest = [*{sent.call.channel: sent for sent in answered}.values()]
        late = [sent for sent in self.sent if sent.given_up and sent.call.number < self.last_number(sent.call.channel)]
        torn = [sent for sent in latest if isinstance(sent.answer, Turn) and not self.holds_all(sent)]
        sent = dice.choice(dice.choice([answered, answered[-8:], latest, late or latest, torn or latest]))
        note(f"again: {sent}")
        with self.site.unchanged(self.store):
            found = attempt(sent.send, self.store)
        is_last = sent.call.number == self.last_number(sent.call.channel)
        if isinstance(sent.answer, Turn | Beat) and is_error(found):
            left = sent.call.channel not in self.model.executors and sent.call.channel not in self.model.fleet
            assert found is (NotEnlisted if left else StaleCall) or (found is StaleCall and left)
            assert left or not is_last
        elif not is_last:
            assert found is StaleCall
        elif isinstance(sent.answer, Claim):
            assert found is None or (found.token, found.id) == (sent.answer.token, sent.answer.id)
        elif isinstance(sent.answer, Turn):
            held = {self.theirs(each) for each in self.held(sent.call.channel)}
            assert [c[:2] for c in found.claims] == [c[:2] for c in sent.answer.claims if Held(*c[:2]) in held]
        elif isinstance(sent.answer, Beat):
            assert found[1:3] == sent.answer[1:3]
            assert found.rescued == sent.answer.rescued
        else:
            assert found == sent.answer

    def holds_all(self, turn: Sent) -> bool:
        """Whether a turn's executor still holds all that it was given by it."""
        held = {self.theirs(each) for each in self.held(turn.call.channel)}
        return all(Held(*claim[:2]) in held for claim in turn.answer.claims)

    def last_number(self, channel: str) -> int:
        """The number of the channel's last call that was answered and not refused."""
        answered = [sent.call.number for sent in self.sent if sent.call.channel == channel and not sent.given_up]
        return max(answered, default=0)

    # ---- after each step --------------------------------------------------------------------------------------------

    @invariant()
    def equal(self) -> None:
        """Queues, indexes, records and workers are the model's."""
        store, model = self.store, self.model
        assert store.queues() == model.queues()
        assert {name: end > 0 for name, end in store.paused().items()} == {
            name: end > 0 for name, end in model.paused().items()
        }
        assert [entry_essence(each) for each in store.cron_table().entries] == [
            entry_essence(each) for each in model.cron_table().entries
        ]
        assert store.counts() == model.counts()
        for name in model.queues():
            assert store.list(name, S.QUEUED, limit=1000) == model.list(name, S.QUEUED, limit=1000)
            for state in set(STATES) - {S.QUEUED}:
                if model.list(name, state):
                    assert sorted(store.list(name, state, limit=1000)) == sorted(model.list(name, state, limit=1000))
        every = list(self.seen)
        for one, found, expected in zip(every, store.get(every), model.get(every), strict=True):
            assert (one, found and essence(found)) == (one, expected and essence(expected))
            if found and expected:
                assert self.tokens[expected.token] == found.token
                is_made = expected.parent or expected.payload == DONE  # by a step of the store, whose time is not told
                assert is_made or found.created_at == expected.created_at
        self.groups_are_equal()
        keys = [limit.key for limit in LIMITS]
        waited = [each._replace(full_in=0) for each in store.limits(keys)]
        assert waited == [each._replace(full_in=0) for each in model.limits(keys)]
        assert [store.list(name, S.BLOCKED) for name in QUEUES] == [model.list(name, S.BLOCKED) for name in QUEUES]
        parents = [one for one in every if one in model.jobs]
        assert [store.children(one) for one in parents[-3:]] == [model.children(one) for one in parents[-3:]]
        waiting = [one for one in every if (job := model.jobs.get(one)) and job.state is S.QUEUED]
        assert [store.position(one) for one in waiting[:3]] == [model.position(one) for one in waiting[:3]]
        assert model.drained(QUEUES) or not store.drained(QUEUES)
        assert [worker_essence(each) for each in store.workers()] == [worker_essence(each) for each in model.workers()]
        for each, expected in zip(store.workers(), model.workers(), strict=True):
            assert list(each.commands) == self.their_commands(expected.commands)

    def groups_are_equal(self) -> None:
        found, expected = self.store.get_groups(GROUPS), self.model.get_groups(GROUPS)
        assert [one and group_essence(one) for one in found] == [one and group_essence(one) for one in expected]
        for one in GROUPS:
            assert self.store.members(one) == self.model.members(one)

    def teardown(self) -> None:
        """In the end: indexes agree with records, and every queue with claimable work wakes a sleeper (rule 29)."""
        try:
            if sys.exc_info()[0] is None:  # a failure on the way tells more
                check_consistent(self.store)
                for name in self.model.dump()["claimable"]:
                    assert hinted(self.store, name), f"{name} has work and no marker"
        finally:
            self.store.close()


def take_turn(
    call: Call, outcomes: list[Outcome], begins: list[Held], queues: Sequence[str], room: int, store: Store
) -> Turn:
    """A turn as a numbered call."""
    return store.turn(call.channel, call.number, outcomes, begins, queues, room, {})


def report(call: Call, held: Held, progress: bytes, store: Store) -> bool:
    """A report as a numbered call."""
    return store.report(held, progress, call=call)


def retire(executor: str, call: Call, options: dict[str, Any], store: Store) -> Retired:
    """A retirement as a numbered call."""
    return store.retire(executor, call=call, **options)


def beat(call: Call, executors: list[str], acknowledged: int, gone: list[str], quiet: bool, store: Store) -> Beat:
    """A beat as a numbered call."""
    return store.beat(call.channel, call.number, executors, acknowledged, gone, quiet)


def timeless(claim: Claim) -> Claim:
    """A claim without its token, its parent, and the times that the model cannot know to the millisecond."""
    return claim._replace(token=0, parent=None, created_at=0, enqueued_at=0, wait=0)


def carried(claim: Claim) -> dict[str, Any] | None:
    """The parent that a callback carries; when it expires is nobody's business, it may be gone."""
    return claim.parent and essence(claim.parent) | {"expires": None}


def entry_essence(entry: EntryRecord) -> EntryRecord:
    """An entry of the cron table without what the model cannot know to the millisecond."""
    return entry._replace(revision=0, created_at=0, since=0)


def revision_of(store: Store, name: str) -> int:
    """The revision of an entry of the cron table, 0 if there is none."""
    return next((entry.revision for entry in store.cron_table().entries if entry.name == name), 0)


def worker_essence(worker: WorkerRecord) -> tuple[Any, ...]:
    """What two stores must agree on."""
    numbers = (worker.finished, worker.failed, worker.run_ms)
    return (worker.info, worker.alive, sorted(worker.executors), worker.jobs, *numbers, worker.quiet)


def drive(where: Site, weights: Mapping[str, int], examples: int) -> None:
    """Run the machine over new stores."""

    class Machine(StoreBesideModel):
        site = where

    Machine.weights = weights
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(max_examples=EXAMPLES or examples, stateful_step_count=STEPS, suppress_health_check=slow)
    run_state_machine_as_test(Machine, settings=chosen)
