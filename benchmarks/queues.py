"""winch beside the queues that one would otherwise pick: one machine, one run.

    make bench BENCH=queues ARGS='--rounds 3 --json FILE'
    python -m benchmarks.queues --workloads drain latency --peers winch rq huey
    python -m benchmarks.queues --table FILE          the tables of an earlier run

That a job ran is proved by what it wrote to a file. Processor time of worker, producer and store is read from the system, so it
holds on a busy machine; rates and latencies are those of the machine at that moment: compare within a run. Every run has a
Redis, or a database file, and a worker of its own, and the rounds go through all queues in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.measure import cpu_seconds, percentile, pss, table, tree
from benchmarks.peers import NAMES, ROOT, Peer, environment, load
from tests.servers import RedisServer

JOBS = {
    "rq default": 300, "rq fast": 2_000, "celery default": 4_000, "celery threads": 4_000, "dramatiq default": 15_000,
    "dramatiq fast": 15_000, "huey default": 15_000, "huey threads": 15_000, "saq default": 5_000, "saq fast": 5_000,
    "taskiq default": 10_000, "arq default": 3_000, "arq fast": 3_000, "bullmq default": 10_000, "bullmq fast": 50_000,
}  # fmt: skip
"""Jobs to drain: some seconds of work for each."""
MANY = 100_000
"""For who is not listed: winch."""
WITHIN = 90.0
"""Seconds after which a run is given up."""
SECONDS_IDLE = 5.0

Figures = dict[str, float]


@dataclass
class Site:
    """A store of its own, with at most one worker.

    Attributes:
        name: The adapter's.
        store: `redis` or `sqlite`.
        setting: One of its speeds.
    """

    name: str
    store: str
    setting: str
    peer: Peer = field(init=False)
    folder: Path = field(init=False)
    server: RedisServer | None = field(init=False, default=None)
    url: str = field(init=False)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    @contextlib.contextmanager
    def open(self) -> Generator[Site]:
        """Start the store; end the worker and the store."""
        self.peer = load(self.name)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stack:
            self.folder = Path(folder)
            self.url = f"sqlite:///{folder}/jobs.db"
            if self.store == "redis":
                self.server = stack.enter_context(RedisServer(port=True))
                self.url = self.server.tcp_url
            stack.callback(self.stop)
            yield self

    @property
    def file(self) -> Path:
        """What jobs write to."""
        return self.folder / "jobs.txt"

    def send(self, job: str, jobs: int, how: str = "0") -> tuple[float, float, float]:
        """Enqueue in a process of its own. Returns seconds, and the processor seconds of producer and store."""
        command = [sys.executable, "-m", "benchmarks.peers", self.name, job, str(self.file), str(jobs), how]
        before = self.store_cpu()
        env = environment(self.url, self.setting)
        run = subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=WITHIN, capture_output=True, text=True)
        seconds, used = run.stdout.splitlines()[0].split()
        return float(seconds), float(used), self.store_cpu() - before

    def start(self, processes: int = 1) -> None:
        """Start the worker."""
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.peer.worker(self.url, self.setting, processes), cwd=ROOT, env=environment(self.url, self.setting),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """Kill the worker with all it started."""
        if self.process is None:
            return
        for pid in self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def workers(self) -> set[int]:
        """The processes of the worker."""
        return tree(self.process.pid) if self.process else set()

    def store_cpu(self) -> float:
        """Processor seconds of the server, 0 for a file."""
        return cpu_seconds([self.server.pid]) if self.server else 0.0

    def bytes_stored(self) -> int:
        """Of the server's memory, or of the file and its journal."""
        if self.server is None:
            return sum(path.stat().st_size for path in self.folder.glob("jobs.db*") if path.is_file())
        with Redis.from_url(self.url) as client:
            return int(client.info("memory")["used_memory"])

    def calls(self) -> int:
        """Commands that clients have sent; those inside of scripts are not counted."""
        with Redis.from_url(self.url) as client:
            stats: dict[str, dict[str, int]] = client.info("commandstats")
        scripted = {"cmdstat_evalsha", "cmdstat_eval", "cmdstat_fcall"} & stats.keys()
        if scripted:
            return sum(stats[name]["calls"] for name in scripted)
        return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")

    def size(self) -> int:
        """Bytes that jobs have written."""
        return self.file.stat().st_size if self.file.exists() else 0

    def until(self, size: int) -> float:
        """Wait until the jobs have written that much. Returns when that was."""
        deadline = time.monotonic() + WITHIN
        while self.size() < size:
            if time.monotonic() > deadline or (self.process and self.process.poll() is not None):
                log = (self.folder / "worker.log").read_text(errors="replace")[-500:]
                raise RuntimeError(f"{self.size()} of {size} bytes written: {log}")
            time.sleep(0.001)
        return time.monotonic()

    def begin(self) -> None:
        """Start a worker and wait until it has run a job: it is up, and then idle."""
        self.send("touch", 1)
        self.start()
        self.until(1)
        time.sleep(1.0)
        self.file.unlink()


# ---- workloads ----


def enqueue(site: Site) -> Figures:
    """One by one, and in bulk where there is such a call."""
    jobs = 3_000
    seconds, used, store = site.send("touch", jobs)
    figures = {"one by one /s": jobs / seconds, "us per job": (used + store) / jobs * 1e6}
    before = site.bytes_stored()
    site.send("touch", jobs)
    figures["bytes per queued job"] = (site.bytes_stored() - before) / jobs
    if site.peer.HAS_BULK:
        jobs = 20_000
        seconds, used, store = site.send("touch", jobs, "bulk")
        figures |= {"bulk /s": jobs / seconds, "bulk us per job": (used + store) / jobs * 1e6}
    return figures


def drain(site: Site) -> Figures:
    """No-op jobs that each write a byte, by one worker with one process."""
    return _drain(site, 1)


def drain2(site: Site) -> Figures:
    """The same with two processes."""
    return _drain(site, 2)


def _drain(site: Site, processes: int) -> Figures:
    jobs = JOBS.get(f"{site.name} {site.setting}", MANY)
    site.send("touch", jobs, "bulk" if site.peer.HAS_BULK else "0")
    site.start(processes)
    began = site.until(1)
    first, used, store = site.size(), cpu_seconds(site.workers()), site.store_cpu()
    ended = site.until(jobs)
    ran = jobs - first
    used, store = cpu_seconds(site.workers()) - used, site.store_cpu() - store
    return {
        "jobs/s": ran / (ended - began), "us per job": (used + store) / ran * 1e6, "of the store": store / ran * 1e6,
    }  # fmt: skip


def latency(site: Site) -> Figures:
    """From the call to the start of the function, on an idle worker."""
    site.begin()
    jobs = 300
    site.send("stamp", jobs, "0.01")
    return _percentiles(site, jobs)


def _percentiles(site: Site, jobs: int) -> Figures:
    deadline = time.monotonic() + WITHIN
    while len(values := [float(line) for line in site.file.read_text().split("\n")[:-1]]) < jobs:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(values)} of {jobs} jobs ran")
        time.sleep(0.05)
    return {f"p{percent} ms": percentile(values, percent) for percent in (50, 90, 99)} | {"max ms": max(values)}


def waiting(site: Site) -> Figures:
    """2,000 jobs that each wait 50 ms, with one process: 1 s at a hundred at a time."""
    jobs = 2_000
    site.send("pause", jobs, "bulk" if site.peer.HAS_BULK else "0")
    site.start()
    began = site.until(1) - 0.05
    return {"seconds": site.until(jobs) - began}


def footprint(site: Site) -> Figures:
    """Of a worker with one process: from its start to its first job, memory, and what it costs while idle."""
    site.send("touch", 1)
    began = time.monotonic()
    site.start()
    figures = {"first job s": site.until(1) - began}
    time.sleep(1.0)
    used, store = cpu_seconds(site.workers()), site.store_cpu()
    time.sleep(SECONDS_IDLE)
    idle = (cpu_seconds(site.workers()) - used + site.store_cpu() - store) / SECONDS_IDLE
    return figures | {"PSS MB": pss(site.workers()) / 1e6, "idle % of a core": idle * 100}


WORKLOADS = {each.__name__: each for each in (enqueue, drain, drain2, latency, waiting, footprint)}
ALSO = {"winch dropped": {"drain"}, "winch threads": {"drain", "waiting"}, "winch async": {"drain", "waiting"}}
"""Settings that are for these workloads only."""
ONLY = {
    "drain2": {"winch default", "rq fast", "celery default", "dramatiq fast", "huey default", "saq fast", "taskiq default"},
    "waiting": {
        "winch threads", "winch async", "celery threads", "dramatiq fast", "huey threads", "saq fast", "taskiq default",
        "arq fast", "bullmq fast",
    },
}  # fmt: skip
"""Workloads that are for these settings only: one job at a time would take two minutes to wait."""


# ---- the run ----


def main() -> int:
    """Measure and print. Returns the exit code."""
    options = _options()
    _print(_read(options.table) if options.table else list(_run(options)))
    return 0


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _run(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for number in range(options.rounds):
        for workload in options.workloads:
            for site in _sites(options, workload, tell=number == 0 and workload == options.workloads[0]):
                line: dict[str, Any] = {
                    "workload": workload, "queue": site.name, "store": site.store, "setting": site.setting,
                }  # fmt: skip
                try:
                    with site.open():
                        line["figures"] = WORKLOADS[workload](site)
                except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                    line["failed"] = str(error)[-300:]
                print(f"  {json.dumps(line)}", flush=True)
                if options.json:
                    with options.json.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                yield line


def _sites(options: argparse.Namespace, workload: str, *, tell: bool) -> Iterator[Site]:
    for name in options.peers:
        try:
            peer = load(name)
        except ImportError as error:
            if tell:
                print(f"skipped: {name} ({error})")
            continue
        for store in peer.STORES:
            for setting in peer.SPEEDS:
                key = f"{name} {setting}"
                if workload in ALSO.get(key, {workload}) and key in ONLY.get(workload, {key}):
                    yield Site(name, store, setting)


def _print(lines: list[dict[str, Any]]) -> None:
    """A table of medians per workload, and what gave none."""
    for workload in dict.fromkeys(line["workload"] for line in lines):
        found: dict[tuple[str, str, str], list[Figures]] = defaultdict(list)
        for line in lines:
            if line["workload"] == workload and "figures" in line:
                found[line["queue"], line["store"], line["setting"]].append(line["figures"])
        heads = list(dict.fromkeys(name for rounds in found.values() for figures in rounds for name in figures))
        rows = [_row(key, rounds, heads) for key, rounds in found.items()]
        print(f"\n{workload}: {WORKLOADS[workload].__doc__}\n\n{table(['queue', 'store', 'setting', *heads], rows)}")
    for line in lines:
        if "failed" in line:
            print(f"\nno figures: {line['workload']}, {line['queue']}, {line['setting']}: {line['failed']}")


def _row(key: tuple[str, str, str], rounds: list[Figures], heads: list[str]) -> list[str]:
    name, store, setting = key
    peer = load(name)
    medians = [[figures[head] for figures in rounds if head in figures] for head in heads]
    return [peer.NAME, store, peer.SPEEDS[setting], *(_number(values) for values in medians)]


def _number(values: list[float]) -> str:
    if not values:
        return "-"
    value = statistics.median(values)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="+", choices=NAMES, default=NAMES, help="all")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), help="all")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is run (1)")
    parser.add_argument("--json", type=Path, help="append each result as a line to this file")
    parser.add_argument("--table", type=Path, help="print the tables of such a file, and measure nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
