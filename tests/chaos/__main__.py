"""`python -m tests.chaos --store redis --seed 7 --seconds 60`: the soak. Exits with 1 if anything was not as it must be.

1. Writes the schedule of faults, from the seed.
2. Starts producers and workers under a restarter, and does what the schedule says.
3. Heals everything, lets the fleet drain, and has every worker run a job of its own.
4. Reads the histories and the store, and lets the checker judge.
5. Redis: once more, shorter, with a server that loses its data half way.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.arena import Arena, arena
from tests.chaos.checker import Report, Violation, check
from tests.chaos.dump import dump, load
from tests.chaos.dump import save as keep
from tests.chaos.fleet import TTL, Fleet, only
from tests.chaos.history import History, Line, read
from tests.chaos.jobs import tick
from tests.chaos.nemesis import Nemesis, plan, save
from winch import JobStatus, Queue
from winch.errors import ResultError
from winch.stores import open_store
from winch.stores.contract import Store

STARVED = 1.0
"""Seconds that this process may be late before the machine counts as too busy: a fault of its own, felt by all."""

SETTLING = 15.0
"""Seconds for executors to come back (they pause after early deaths), for retries, and for poison to die often enough."""

SLOWEST = 100
"""Jobs per second that a healed fleet runs at the least."""

LIVE = (JobStatus.QUEUED, JobStatus.STARTED, JobStatus.SCHEDULED, JobStatus.DEFERRED, JobStatus.BLOCKED)


@dataclass
class Round:
    """What one round gave.

    Attributes:
        name: `main` or `loss`.
        seconds: How long the faults went on.
        drain: Seconds until every job had ended, or until that was given up.
        faults: How many of each kind.
        report: The checker's.
    """

    name: str
    seconds: float
    drain: float
    faults: dict[str, int]
    report: Report


@dataclass
class Soak:
    """A run.

    Attributes:
        store: `redis` or `sqlite`.
        seed: Of everything that is chosen.
        rate: Jobs per second.
        folder: Where everything is.
    """

    store: str
    seed: int
    rate: float
    folder: Path
    rounds: list[Round] = field(default_factory=list[Round])

    def run(self, seconds: float) -> None:
        """All rounds."""
        self._round("main", seconds, lose=False)
        if self.store == "redis":
            self._round("loss", max(6.0, min(seconds / 10, 60.0)), lose=True)

    def _round(self, name: str, seconds: float, *, lose: bool) -> None:
        folder = self.folder / name
        folder.mkdir()
        ground = arena(self.store, folder)
        history = History(folder / "runner.jsonl")
        fleet = Fleet(ground.berths, folder, history, self.seed, self.rate)
        faults = [] if lose else plan(self.seed, seconds, ground.kinds)
        save(faults, folder / "plan")
        try:
            fleet.start()
            _wait_for_life(fleet, _store(ground))
            nemesis = ground.nemesis(faults, fleet, history)
            _go_on(seconds, fleet, nemesis, history, lose=lose)
            nemesis.heal()
            history.write("phase", "begin", name="healed")
            drain = _calm_down(fleet, history, ground)
            final = dump(_store(ground), _ids(read(folder)))
            keep(final, folder / "final")
            report = judge(folder)
            report.violations += [
                Violation("leak", key, "a key without owner and without end") for key in ground.leaks()
            ]
            self.rounds.append(Round(name, seconds, drain, dict(nemesis.done), report))
        finally:
            fleet.kill()
            ground.close()


def judge(folder: Path) -> Report:
    """What the checker says to a round's folder."""
    return check(read(folder), load(folder / "final"), ttl=TTL)


def _wait_for_life(fleet: Fleet, store: Store) -> None:
    """Until every worker is enlisted and there are jobs: on a busy machine that alone takes seconds."""
    deadline = time.monotonic() + 60
    while len(store.workers()) < len(fleet.workers) or not store.queues():
        if time.monotonic() > deadline:
            raise TimeoutError("the fleet did not come to life within 60 s")
        time.sleep(0.05)


def _go_on(seconds: float, fleet: Fleet, nemesis: Nemesis, history: History, *, lose: bool) -> None:
    """Faults and restarts, until the time is over; half way the data is lost, if it is to be."""
    began = last = time.monotonic()
    while (now := time.monotonic()) - began < seconds:
        if now - last > STARVED:
            history.write("fault", "end", kind="starved", workers=["*"], since=int(last * 1e9))
        last = now
        nemesis.step()
        fleet.look_after()
        if lose and now - began > seconds / 2:
            nemesis.lose_everything()
            history.write("phase", "begin", name="wiped")
            lose = False
        time.sleep(0.02)


def _calm_down(fleet: Fleet, history: History, ground: Arena) -> float:
    """No more faults, no more jobs: wait until all have ended, see every worker work, and end it."""
    began = time.monotonic()
    fleet.stop_producers(within=10)
    store = _store(ground)
    deadline = time.monotonic() + 2 * TTL + SETTLING + _alive(store) / SLOWEST
    while _alive(store) and time.monotonic() < deadline:
        fleet.look_after()
        time.sleep(0.05)
    drain = time.monotonic() - began
    for name in fleet.workers:
        _canary(fleet, name, history, ground)
    fleet.stop(within=15)
    return drain


def _canary(fleet: Fleet, name: str, history: History, ground: Arena) -> None:
    job = Queue(only(name), _store(ground), result_ttl=86_400).enqueue(tick)
    child = fleet.at(name)
    try:
        job.result(timeout=10)
    except (ResultError, TimeoutError):
        return
    if child is not None:
        history.write("canary", "ok", w=child.name)


def _store(ground: Arena) -> Store:
    return open_store(ground.url, deadline=10.0)


def _alive(store: Store) -> int:
    return sum(states[state] for states in store.counts().values() for state in LIVE)


def _ids(lines: Iterable[Line]) -> list[str]:
    return [job[0] for line in lines if line["op"] == "enqueue" and line["type"] == "invoke" for job in line["jobs"]]


# ---- telling ----


def _tell(soak: Soak, seconds: float) -> None:
    for each in soak.rounds:
        report, faults = each.report, sum(each.faults.values())
        print(
            f"{soak.store} {each.name}: seed {soak.seed}, {each.seconds:g} s, "
            f"{report.accepted} jobs accepted ({report.unknown} unanswered), {report.runs} runs, "
            f"{report.reruns} re-runs, {report.residuals} late starts out of a pause, {faults} faults, "
            f"{_resumed(report)}, drained in {each.drain:.1f} s, {len(report.violations)} violations"
        )
        print("  " + ", ".join(f"{kind} {number}" for kind, number in sorted(each.faults.items())))
        for rule, number in Counter(violation.rule for violation in report.violations).items():
            print(f"  {rule}: {number}")
        for violation in report.violations[:50]:
            print(f"    {violation.rule} {violation.id}: {violation.text}")
    print(f"in all {seconds:.0f} s")


def _resumed(report: Report) -> str:
    return "nothing left to run" if report.resumed is None else f"running again within {report.resumed:.1f} s"


def _as_json(soak: Soak) -> str:
    rounds = [
        {**asdict(each), "report": {**asdict(each.report), "violations": [v._asdict() for v in each.report.violations]}}
        for each in soak.rounds
    ]
    return json.dumps({"store": soak.store, "seed": soak.seed, "rounds": rounds})


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="The soak.")
    parser.add_argument("--store", choices=("redis", "sqlite"), default="redis")
    parser.add_argument("--seed", type=int, default=None, help="of the faults and the jobs; the default is the time")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--jobs-per-second", type=float, default=320.0)
    parser.add_argument("--keep", action="store_true", help="keep histories and logs though nothing is wrong")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--judge", type=Path, metavar="FOLDER", help="judge the folder of a round again, and do no more"
    )
    given = parser.parse_args()
    if given.judge is not None:
        report = judge(given.judge)
        print(json.dumps({**asdict(report), "violations": [list(each) for each in report.violations]}, indent=1))
        return bool(report.violations)
    seed = int(time.time()) if given.seed is None else given.seed
    folder = Path(tempfile.mkdtemp(prefix="winch-chaos-"))
    began = time.monotonic()
    soak = Soak(given.store, seed, given.jobs_per_second, folder)
    good = False
    try:
        soak.run(given.seconds)
        good = not any(each.report.violations for each in soak.rounds)
    finally:
        if good and not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"histories, logs and the plan are in {folder}", file=sys.stderr)
    print(_as_json(soak)) if given.json else _tell(soak, time.monotonic() - began)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
