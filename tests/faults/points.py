"""The steps of the protocol, by name. A fault can be planted before and after each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["STEPS", "STORES", "Step"]

STORES = ("winch.stores.sqlite.store:SQLiteStore", "winch.stores.redis.store:RedisStore")
"""The classes whose methods are the verbs."""

Asked = Callable[[dict[str, Any]], Any]
Answered = Callable[[Any], Any]


def _always(_: Any) -> bool:
    return True


@dataclass(frozen=True)
class Step:
    """A step that a process takes.

    Attributes:
        name: `verb.purpose` for what is asked of the store, else `object.what-it-does`.
        scenario: The one in `scenarios.py` in which it is taken.
        target: `module:Class.method` or `module:function`; of a verb, its name alone: then a request or a reply can be lost.
        asked: Of the arguments by name: whether this call is the step.
        answered: Of the answer: whether this call was the step. Only for the point after it.
    """

    name: str
    scenario: str
    target: str
    asked: Asked = _always
    answered: Answered = _always

    @property
    def is_verb(self) -> bool:
        """Whether the step is a call of the store."""
        return ":" not in self.target


def _settles(*kinds: str) -> Asked:
    return lambda asked: any(outcome.kind in kinds for outcome in asked["outcomes"])


STEPS: tuple[Step, ...] = (
    # ---- a producer
    Step("enqueue", "produce", "enqueue"),
    # ---- an executor starts, sleeps and wakes
    Step("executor.start", "work", "winch.worker.executor:Executor.__init__"),
    Step("executor.arm", "work", "winch.worker.sleeper:Sleeper._listen"),
    Step("executor.wake", "work", "winch.worker.sleeper:Sleeper.sleep"),
    # ---- it takes turns
    Step("turn.claim", "work", "turn", lambda asked: asked["room"] > 0, lambda turn: turn.claims),
    Step("turn.begin", "work", "turn", lambda asked: asked["begins"]),
    Step("turn.finish", "work", "turn", _settles("finished")),
    Step("turn.retry", "work", "turn", _settles("retry")),
    Step("turn.return", "stop", "turn", _settles("returned")),
    Step("turn.claim-suspect", "crash", "turn", answered=lambda turn: any(claim.suspect for claim in turn.claims)),
    Step("desk.receive", "work", "winch.worker.desk:Desk._receive"),
    # ---- it runs a job
    Step("executor.take-up", "work", "winch.worker.executor:Executor._take_up"),
    Step("vitals.begin", "work", "winch.worker.vitals:Vitals.begin"),
    Step("vitals.clear", "work", "winch.worker.vitals:Vitals.clear"),
    Step("run.prepare", "work", "winch.running.run:Runner.prepare"),
    Step("run.perform", "work", "winch.running.run:Runner.perform"),
    Step("run.perform-async", "work", "winch.running.run:Runner.perform_async"),
    Step("executor.record", "work", "winch.worker.executor:Executor._record"),
    Step("settler.clear", "slow", "winch.worker.watch:Settler._clear"),
    Step("loop.start", "work", "winch.worker.lanes:LoopLane.start"),
    Step("threads.start", "threads", "winch.worker.lanes:ThreadLane.start"),
    Step("threads.leave", "threads", "winch.worker.lanes:ThreadLane._leave"),
    Step("fork.child", "fork", "winch.worker.forking:_perform"),
    Step("fork.parent", "fork", "winch.worker.forking:ForkServer.perform"),
    # ---- it stops
    Step("executor.obey", "stop", "winch.worker.executor:Executor.obey"),
    Step("executor.interrupt", "stop", "winch.worker.holding:Holding.interrupt_all"),
    Step("executor.drain", "stop", "winch.worker.executor:Executor._drain"),
    Step("executor.disarm", "stop", "winch.worker.sleeper:Sleeper.stop_listening"),
    # ---- a supervisor comes to life
    Step("enlist", "work", "enlist"),
    Step("enlist_executor", "work", "enlist_executor"),
    Step("process.start", "work", "winch.worker.interpreters:Interpreters.start"),
    Step("process.brief", "work", "winch.worker.processes:ExecutorProcess._send"),
    # ---- it beats
    Step("beat", "work", "beat"),
    Step("beat.rescue", "rescue", "beat", lambda asked: asked["gone"], lambda beat: beat.rescued),
    Step("beat.obey", "taken", "winch.worker.supervisor:Supervisor._on_beat", lambda asked: asked["beat"].commands),
    Step("promote", "later", "promote"),
    Step("put_entries", "cron", "put_entries"),
    Step("cron_table", "cron", "cron_table"),
    Step("fire_entry", "cron", "fire_entry", answered=lambda fired: fired.kind == "fired"),
    Step("clerk.away", "outage", "winch.worker.clerk:Clerk._away"),
    Step("clerk.back", "outage", "winch.worker.clerk:Clerk._back"),
    # ---- it looks after its executors
    Step("process.ended", "crash", "winch.worker.supervisor:Supervisor._bury"),
    Step("retire.crashed", "crash", "retire", lambda asked: asked["crashed"]),
    Step("process.replace", "crash", "winch.worker.supervisor:Supervisor._replace"),
    Step("process.kill", "overdue", "winch.worker.processes:ExecutorProcess.kill"),
    Step("retire.overdue", "overdue", "retire", lambda asked: asked["outcomes"]),
    Step("process.lose", "taken", "winch.worker.supervisor:Supervisor.take_away", lambda asked: asked["tokens"]),
    Step("worker.told", "told", "winch.worker.orders:Orders._obey"),
    Step("beat.told", "told", "beat", lambda asked: asked["acknowledged"]),
    Step("worker.renew", "renew", "winch.worker.supervisor:Supervisor._renew_next"),
    Step("worker.lost", "lost", "winch.worker.supervisor:Supervisor._on_lost"),
    # ---- it stops
    Step("worker.stop", "stop", "winch.worker.supervisor:Supervisor.stop"),
    Step("retire.in-order", "stop", "retire", lambda asked: not asked["crashed"]),
    Step("retire_worker", "stop", "retire_worker"),
    Step("drained", "burst", "drained"),
)
