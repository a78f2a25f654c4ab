"""What goes wrong, and when: written first, from the seed, so that a run that failed can be run again."""

# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import heapq
import json
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import redis

from tests.chaos.fleet import TTL, Fleet
from tests.chaos.history import History
from tests.chaos.processes import Child, send
from tests.proxy import Proxy
from tests.servers import RedisServer

__all__ = ["Fault", "Nemesis", "RedisNemesis", "SqliteNemesis", "plan"]

Undo = Callable[[], None]


class Fault(NamedTuple):
    """Something that is done to somebody.

    Attributes:
        at: Seconds after the start.
        kind: The name of a method of the nemesis.
        target: Chooses among those that are there.
        seconds: How long it lasts, for those that last.
    """

    at: float
    kind: str
    target: int
    seconds: float


BOTH = {
    "kill_executor": 4.0,
    "kill_supervisor": 2.0,
    "stop_executor": 2.0,
    "stop_executor_long": 0.7,
    "stop_worker_long": 0.7,
    "stop_supervisor_long": 0.5,
    "deploy": 1.0,
    "renew": 1.0,
    "kill_producer": 1.0,
}
REDIS = {
    "cut": 2.0,
    "refuse": 1.0,
    "black_hole": 1.5,
    "black_hole_for_good": 1.0,
    "delay": 1.5,
    "drop_request": 3.0,
    "drop_reply": 5.0,
    "restart": 0.7,
    "stall": 0.7,
    "flush_scripts": 0.7,
    "compact": 2.0,
}
SQLITE = {"checkpoint": 2.0, "hold_lock": 2.0, "hold_lock_long": 0.4, "read_long": 1.0}

_QUIET = 3.0
"""Seconds at the start without a fault, in which the fleet comes to life."""

_BETWEEN = 1.5
"""Mean seconds between two faults."""


def plan(seed: int, seconds: float, kinds: dict[str, float]) -> list[Fault]:
    """The schedule of a run."""
    dice = random.Random(seed)
    faults: list[Fault] = []
    at = _QUIET
    while (at := at + dice.expovariate(1 / _BETWEEN)) < seconds - 1:
        (kind,) = dice.choices(list(kinds), list(kinds.values()))
        longest = 2.5 * TTL if kind.endswith(("long", "black_hole", "for_good")) else TTL / 2
        shortest = 1.1 * TTL if kind.endswith("long") else 0.05
        faults.append(Fault(round(at, 2), kind, dice.randrange(1000), round(dice.uniform(shortest, longest), 2)))
    return faults


class Nemesis:
    """Does what the plan says, without ever waiting for the end of a fault.

    Args:
        faults: The plan.
        fleet: Whom it hits.
        history: Where every fault is noted.
    """

    def __init__(self, faults: Sequence[Fault], fleet: Fleet, history: History) -> None:
        self.done: Counter[str] = Counter()
        self._began = time.monotonic()
        self._fleet, self._history = fleet, history
        self._numbers = count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        for fault in faults:
            self._plan(self._began + fault.at, lambda fault=fault: self._begin(fault))

    def step(self) -> None:
        """Do what is due."""
        while self._agenda and self._agenda[0][0] <= time.monotonic():
            heapq.heappop(self._agenda)[2]()

    def heal(self) -> None:
        """Begin nothing more, and end everything."""
        while self._agenda:
            _, number, action = heapq.heappop(self._agenda)
            if number < 0:  # the end of a fault
                action()

    def lose_everything(self) -> None:
        """Bring the store back without its data."""
        raise NotImplementedError("this store cannot lose its data")

    def _plan(self, at: float, action: Callable[[], None], *, end: bool = False) -> None:
        number = next(self._numbers) + 1
        heapq.heappush(self._agenda, (at, -number if end else number, action))

    def _begin(self, fault: Fault) -> None:
        begin: Callable[[Fault], tuple[list[str], Undo | None]] = getattr(self, fault.kind)
        at = time.monotonic_ns()
        workers, undo = begin(fault)
        self.done[fault.kind] += 1
        facts: dict[str, Any] = {"kind": fault.kind, "workers": workers, "target": fault.target, "since": at}
        self._history.write("fault", "begin", **facts)
        if undo is not None:
            self._plan(time.monotonic() + fault.seconds, lambda: self._end(undo, facts), end=True)

    def _end(self, undo: Undo, facts: dict[str, Any]) -> None:
        undo()
        self._history.write("fault", "end", **facts)

    # ---- processes ----

    def kill_executor(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """SIGKILL one executor."""
        name, pids = self._executor(fault)
        for pid in pids:
            send(pid, signal.SIGKILL)
        return name, None

    def stop_executor(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """SIGSTOP one executor with all that it started, and let it go on."""
        name, pids = self._executor(fault)
        return name, _pause([], pids)

    stop_executor_long = stop_executor

    def kill_supervisor(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """SIGKILL a supervisor: its executors die with it."""
        child = self._fleet.at(self._worker(fault))
        if child is None:
            return [], None
        child.asked = True
        send(child.pid, signal.SIGKILL)
        return [child.name], None

    def stop_worker_long(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """SIGSTOP a whole worker for longer than its ttl."""
        child = self._fleet.at(self._worker(fault))
        if child is None:
            return [], None
        return [child.name], _pause([child.pid], self._fleet.executors(self._worker(fault)))

    def stop_supervisor_long(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """SIGSTOP a supervisor, not its executors, for longer than its ttl."""
        child = self._fleet.at(self._worker(fault))
        return ([child.name], _pause([child.pid], [])) if child else ([], None)

    def deploy(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """A new worker beside the old one, which gets SIGTERM."""
        child = self._settled(fault)
        if child is None:
            return [], None
        self._fleet.deploy(self._worker(fault))
        return [child.name], None

    def renew(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """SIGHUP to a supervisor."""
        child = self._settled(fault)
        if child is None:
            return [], None
        send(child.pid, signal.SIGHUP)
        return [child.name], None

    def kill_producer(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """SIGKILL a producer, maybe in the middle of a call."""
        names = self._fleet.producers
        child = self._fleet.at(names[fault.target % len(names)])
        if child is not None:
            send(child.pid, signal.SIGKILL)
        return [], None

    def _worker(self, fault: Fault) -> str:
        return self._fleet.workers[fault.target % len(self._fleet.workers)]

    def _settled(self, fault: Fault) -> Child | None:
        """A worker that has come so far that it handles signals."""
        return self._fleet.at(self._worker(fault)) if self._fleet.executors(self._worker(fault)) else None

    def _executor(self, fault: Fault) -> tuple[list[str], list[int]]:
        berth = self._worker(fault)
        child, pids = self._fleet.at(berth), self._fleet.executors(berth)
        if child is None or not pids:
            return [], []
        return [child.name], [pids[fault.target // 7 % len(pids)]]


def _pause(processes: list[int], groups: list[int]) -> Undo:
    _send_all(processes, groups, signal.SIGSTOP)
    return lambda: _send_all(processes, groups, signal.SIGCONT)


def _send_all(processes: list[int], groups: list[int], number: int) -> None:
    for pid in processes:
        send(pid, number)
    for pid in groups:
        send(pid, number, group=True)


class RedisNemesis(Nemesis):
    """With a Redis behind proxies.

    Args:
        server: To be restarted and stopped.
        proxies: By the name of the worker's berth or the producer's behind it.
    """

    def __init__(
        self, faults: Sequence[Fault], fleet: Fleet, history: History, server: RedisServer, proxies: dict[str, Proxy]
    ) -> None:
        super().__init__(faults, fleet, history)
        self._server, self._proxies = server, proxies

    def heal(self) -> None:
        """End everything."""
        super().heal()
        for proxy in self._proxies.values():
            proxy.heal()

    def cut(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """RST on all connections."""
        workers, proxy = self._proxy(fault)
        proxy.cut()
        return workers, None

    def refuse(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """No connection for a while."""
        workers, proxy = self._proxy(fault)
        proxy.refuse()
        return workers, proxy.heal

    def black_hole(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """No byte passes for a while, then all that was held back."""
        workers, proxy = self._proxy(fault)
        proxy.black_hole()
        return workers, proxy.heal

    def black_hole_for_good(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """No byte passes; the connections of now stay silent for ever."""
        workers, proxy = self._proxy(fault)
        proxy.black_hole(for_good=True)
        return workers, proxy.heal

    def delay(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """Everything is late."""
        workers, proxy = self._proxy(fault)
        proxy.delay(fault.seconds / 10)
        return workers, proxy.heal

    def drop_request(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """The next script call is swallowed."""
        workers, proxy = self._proxy(fault)
        proxy.drop_request(b"EVALSHA")
        return workers, None

    def drop_reply(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """The next script call is executed, its reply swallowed."""
        workers, proxy = self._proxy(fault)
        proxy.drop_reply(b"EVALSHA")
        return workers, None

    def restart(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """The server is killed, stays away for a while, and comes back with all that it acknowledged."""
        self._server.kill()
        return ["*"], self._start

    def stall(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """The server hangs."""
        return (["*"], _pause([self._server.pid], [])) if self._is_up else ([], None)

    def flush_scripts(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """The server forgets its scripts."""
        with suppress(redis.RedisError), self._client() as client:
            client.script_flush()
        return [], None

    def compact(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """The server rewrites its log, which also keeps its restarts short."""
        with suppress(redis.RedisError), self._client() as client:
            client.bgrewriteaof()
        return [], None

    def lose_everything(self) -> None:
        """The server comes back empty."""
        self._server.kill()
        shutil.rmtree(self._server.folder / "appendonlydir")
        self._server.start()

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._server.socket), socket_timeout=0.2)

    def _start(self) -> None:
        if not self._is_up:
            self._server.start()

    @property
    def _is_up(self) -> bool:
        with suppress(ValueError):
            return bool(self._server.pid)
        return False

    def _proxy(self, fault: Fault) -> tuple[list[str], Proxy]:
        names = list(self._proxies)
        name = names[fault.target % len(names)]
        return [name] if name in self._fleet.workers else [], self._proxies[name]


class SqliteNemesis(Nemesis):
    """With a database file.

    Args:
        path: Of the database.
    """

    def __init__(self, faults: Sequence[Fault], fleet: Fleet, history: History, path: Path) -> None:
        super().__init__(faults, fleet, history)
        self._path = path

    def _end(self, undo: Undo, facts: dict[str, Any]) -> None:
        """A process that was stopped may have held the write lock all the time."""
        super()._end(undo, facts)
        if str(facts["kind"]).startswith("stop_"):
            self._history.write("fault", "end", kind="hold_lock", workers=["*"], since=facts["since"])

    def checkpoint(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """The write-ahead log is moved into the database, and cut."""
        connection = self._connected(0.2)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # its answer tells whether it could
        connection.close()
        return [], None

    def hold_lock(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """Somebody else holds the write lock."""
        connection = self._connected(0.5)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            connection.close()
            return [], None
        return ["*"], connection.close

    hold_lock_long = hold_lock

    def read_long(self, fault: Fault) -> tuple[list[str], Undo | None]:
        """A reader keeps the write-ahead log from being cut."""
        connection = self._connected(0.5)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return [], connection.close

    def _connected(self, timeout: float) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=timeout, isolation_level=None)


def save(faults: Sequence[Fault], path: Path) -> None:
    """Write the plan down, one fault per line."""
    path.write_text("".join(json.dumps(fault._asdict()) + "\n" for fault in faults))
