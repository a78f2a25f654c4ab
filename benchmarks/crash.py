"""Kill half way through 200 jobs of 20 ms, and see from the jobs' own file what each queue makes of it.

    python -m benchmarks.crash [--peers winch rq] [--store redis] [--crashes worker child broker]
                               [--seconds 60] [--rounds 1] [--at-once 1] [--json FILE]

When 100 jobs have written their end, one of three things dies by SIGKILL:

worker  the worker's process group, and what it started in groups of their own; a new worker is started at once
child   a process that has just begun a job, if the worker is another process
broker  the Redis server; it is started again after a second, with its data (appendonly)

The run ends some seconds after all jobs have ended, or after --seconds. A worker that ends by itself is started again,
as a service manager would. Redis is private, one server per run. Nothing is read from a queue's own counters.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure import machine
from benchmarks.peers import NAMES, ROOT, Order, environment, load
from tests.servers import RedisServer

JOBS = 200
WITHIN = 60
"""Seconds that a worker may take for the first half."""
DOWN = 1
"""Seconds for which the broker is gone."""
LINGER = 5
"""Seconds for which a run watches, after all jobs have ended, whether one is run once more."""
POLL = 0.02
STOPPED = threading.Event()
"""Set when the runs shall clean up and end."""


@dataclass(frozen=True)
class Subject:
    """One queue on one store with one setting, and what happens to it."""

    name: str
    store: str
    setting: str
    crash: str


@dataclass(frozen=True)
class Result:
    """What the jobs' file tells."""

    lost: int
    """Jobs that never ended."""
    again: int
    """Jobs that were started more than once."""
    twice: int
    """Jobs that ended more than once."""
    recovered: float
    """Seconds from the kill to the last end of a job's first full run."""
    restarts: int
    """How often the worker ended by itself and had to be started again."""


class Records:
    """The lines that the jobs have written."""

    def __init__(self, file: Path) -> None:
        self.starts: Counter[int] = Counter()
        self.ends: dict[int, list[float]] = {}
        self.running: dict[int, int] = {}
        """The process of each job that has not ended since its last start, the latest last."""
        for line in file.read_text().splitlines() if file.exists() else []:
            what, number, pid, moment = line.split()
            if what == "start":
                self.starts[int(number)] += 1
                self.running.pop(int(number), None)
                self.running[int(number)] = int(pid)
            else:
                self.ends.setdefault(int(number), []).append(float(moment))
                self.running.pop(int(number), None)

    def result(self, killed: float, restarts: int) -> Result:
        """Judge the run."""
        return Result(
            lost=JOBS - len(self.ends),
            again=sum(count > 1 for count in self.starts.values()),
            twice=sum(len(moments) > 1 for moments in self.ends.values()),
            recovered=round(max(0.0, max(moments[0] for moments in self.ends.values()) - killed), 1),
            restarts=restarts,
        )


class Worker:
    """A worker, started again whenever it has ended."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self._command, self._env, self._log = command, env, log
        self.restarts = 0
        self.start()

    def start(self) -> None:
        """Start it in a process group of its own."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._env, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        self._started = time.monotonic()

    def keep(self) -> None:
        """Start it again if it has ended, at most once a second."""
        if self._process.poll() is not None and time.monotonic() > self._started + 1:
            self.kill()
            self.start()
            self.restarts += 1

    def kill(self, others: set[int] | None = None) -> None:
        """Kill its process group, and others: its descendants may have left it."""
        others = self.descendants() if others is None else others
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def kill_child(self, file: Path) -> float:
        """Kill one process that runs a job and is not the worker's first. Returns when."""
        while True:
            child = _await_running(file, but=self._process.pid).pop()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                return time.time()

    def descendants(self) -> set[int]:
        """The processes it started, and those that they started."""
        listing = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True, check=True).stdout
        pairs = [(int(parent), int(pid)) for parent, pid in map(str.split, listing.splitlines())]
        found = {self._process.pid}
        while more := {pid for parent, pid in pairs if parent in found} - found:
            found |= more
        return found - {self._process.pid}


def main() -> int:
    """Measure and print. Returns the exit code."""
    options = _options()
    subjects = list(_subjects(options))
    print(f"{machine()}\n{JOBS} jobs of 20 ms; {len(subjects)} runs, each {options.rounds} times", flush=True)
    results: dict[Subject, list[Result | str]] = {subject: [] for subject in subjects}

    def measure(subject: Subject) -> None:
        results[subject].append(outcome := _try(subject, options.seconds))
        line = asdict(subject) | (asdict(outcome) if isinstance(outcome, Result) else {"failed": outcome})
        print(f"  {json.dumps(line)}", flush=True)
        if options.json:
            with options.json.open("a") as file:
                file.write(json.dumps(line) + "\n")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ThreadPoolExecutor(options.at_once) as pool:
        try:
            list(pool.map(measure, subjects * options.rounds))
        except BaseException:
            STOPPED.set()
            pool.shutdown(cancel_futures=True)
            raise
    _print_table(results, options.seconds)
    return 0


def _subjects(options: argparse.Namespace) -> Iterator[Subject]:
    for crash in options.crashes:
        for name in options.peers:
            try:
                peer = load(name)
            except ImportError as error:
                if crash == options.crashes[0]:
                    print(f"skipped: {name} ({error})", flush=True)
                continue
            for store in peer.STORES:
                if store in options.store and not (crash == "broker" and store == "sqlite"):
                    yield from (Subject(name, store, setting, crash) for setting in peer.SETTINGS)


def _try(subject: Subject, seconds: float) -> Result | str:
    try:
        return _run(subject, seconds)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return str(error)


def _run(subject: Subject, seconds: float) -> Result:
    peer = load(subject.name)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        file = folder / "jobs.txt"
        server = None
        url = f"sqlite:///{folder}/jobs.db"
        if subject.store == "redis":
            server = stack.enter_context(RedisServer(port=True, appendonly=True))
            url = server.tcp_url
        env = environment(url, subject.setting)
        order = Order("work", str(file), JOBS, bulk=True)
        producer = [sys.executable, "-m", "benchmarks.peers", subject.name, order.json()]
        subprocess.run(producer, cwd=ROOT, env=env, check=True, timeout=WITHIN, capture_output=True)
        worker = Worker(peer.command(url, subject.setting), env, folder / "worker.log")
        stack.callback(worker.kill)
        if not _watch(file, worker, lambda records: len(records.ends) >= JOBS // 2, WITHIN):
            raise RuntimeError(f"no half in {WITHIN} s: {(folder / 'worker.log').read_text()[-1000:]}")
        killed = _crash(subject.crash, worker, server, file)
        if _watch(file, worker, lambda records: len(records.ends) == JOBS, seconds):
            _watch(file, worker, lambda _: False, LINGER)
        return Records(file).result(killed, worker.restarts)


def _crash(crash: str, worker: Worker, server: RedisServer | None, file: Path) -> float:
    """Kill, while a job runs. Returns when."""
    if crash == "child":
        return worker.kill_child(file)
    others = worker.descendants()  # it takes longer than a job
    running = _await_running(file)
    now = time.time()
    if crash == "worker":
        worker.kill(others | running)
        worker.start()
    elif server is not None:
        server.kill()
        time.sleep(DOWN)
        server.start()
    return now


def _await_running(file: Path, but: int = 0) -> set[int]:
    """Wait for a job that runs. Returns the processes of those that do."""
    while len((records := Records(file)).ends) < JOBS:
        if found := set(records.running.values()) - {but}:
            return found
        time.sleep(POLL / 20)
    raise RuntimeError("no other process runs jobs")


def _watch(file: Path, worker: Worker, done: Callable[[Records], bool], seconds: float) -> bool:
    """Wait until this holds, and keep the worker running. Returns whether it held in time."""
    deadline = time.monotonic() + seconds
    while not done(Records(file)):
        if STOPPED.is_set():
            raise RuntimeError("stopped")
        if time.monotonic() > deadline:
            return False
        worker.keep()
        time.sleep(POLL)
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="+", choices=NAMES, default=NAMES, help="all")
    parser.add_argument("--store", nargs="+", choices=["redis", "sqlite"], default=["redis", "sqlite"], help="both")
    crashes = ["worker", "child", "broker"]
    parser.add_argument("--crashes", nargs="+", choices=crashes, default=crashes, help="all three")
    parser.add_argument("--seconds", type=float, default=60, help="to wait after the kill (60)")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is run (1)")
    parser.add_argument("--at-once", type=int, default=1, help="runs at the same time (1)")
    parser.add_argument("--json", type=Path, help="append each result as a line to this file")
    return parser.parse_args()


def _print_table(results: dict[Subject, list[Result | str]], seconds: float) -> None:
    """One line per subject; where rounds differ, the values of all."""
    heads = ("killed", "queue", "store", "setting", f"not done, {seconds:g} s", "started again", "ended twice")
    rows = [(*heads, "seconds", "restarts")]
    for subject, outcomes in results.items():
        peer = load(subject.name)
        found = [outcome for outcome in outcomes if isinstance(outcome, Result)]
        measured = [
            _cell([getattr(result, field) for result in found])
            for field in ("lost", "again", "twice", "recovered", "restarts")
        ]
        rows.append((subject.crash, peer.NAME, subject.store, subject.setting, *measured))
    print()
    for number, row in enumerate(rows):
        print("| " + " | ".join(row) + " |")
        if not number:
            print("|" + "---|" * len(row))
    print()
    for subject, outcomes in results.items():
        for failed in dict.fromkeys(outcome for outcome in outcomes if isinstance(outcome, str)):
            print(f"no figures: {subject.crash}, {subject.name}, {subject.store}, {subject.setting}: {failed}")
    for name in dict.fromkeys(subject.name for subject in results):
        peer = load(name)
        print(
            f"{peer.NAME} {peer.VERSION}: {peer.PROCESSES}. "
            + "; ".join(f"{key}: {what}" for key, what in peer.SETTINGS.items())
        )


def _cell(values: list[float]) -> str:
    return " / ".join(f"{value:g}" for value in (values[:1] if len(set(values)) == 1 else values)) or "-"


if __name__ == "__main__":
    sys.exit(main())
