"""Take the Redis server away in the middle of work, bring it back, and see what a worker makes of it.

    python -m benchmarks.outage [--seconds 90] [--jobs 3000]

One worker with two executors runs jobs of 20 ms; the server (append-only file on) is stopped half way for so many seconds.
Printed: the processor time of the worker meanwhile, the time from the server's return to the first job that ended after
it, and how many jobs were lost or ran twice, all from the jobs' own file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.noop import note
from tests.servers import RedisServer
from winch import Queue, call

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
WITHIN = 180


def main() -> int:
    """Measure and print. Returns the exit code: 1 if a job was lost or the worker is gone."""
    options = _options()
    with RedisServer(appendonly=True) as server, tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        queue = Queue(connection=server.url)
        for start in range(0, options.jobs, 500):
            queue.enqueue_many(call(note, str(notes), n, 0.02) for n in range(start, min(start + 500, options.jobs)))
        program = Path(sys.executable).with_name("winch")
        command = [program, "worker", "--url", server.url, "--processes", "2", "--quiet"]
        worker = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            _until(lambda: len(_ended(notes)) > options.jobs / 3)
            server.stop()
            before, began = _processor_seconds(worker.pid), time.monotonic()
            time.sleep(options.seconds)
            share = (_processor_seconds(worker.pid) - before) / (time.monotonic() - began)
            at_return = len(_ended(notes))
            server.start()
            began = time.monotonic()
            _until(lambda: len(_ended(notes)) > at_return)
            resumed = time.monotonic() - began
            _until(lambda: worker.poll() is not None or len(set(_ended(notes))) == options.jobs)
            alive = worker.poll() is None
        finally:
            worker.terminate()
            worker.wait(60)
        times = Counter(_ended(notes))
    lost, twice = options.jobs - len(times), sum(count > 1 for count in times.values())
    print(f"outage of {options.seconds:g} s: worker {'alive' if alive else 'GONE'}, {share:.1%} of a core meanwhile, ")
    print(f"first job ended {resumed:.2f} s after the return, {lost} of {options.jobs} lost, {twice} ran twice")
    return int(bool(lost) or not alive)


def _ended(notes: Path) -> list[str]:
    return notes.read_text().split() if notes.exists() else []


def _processor_seconds(pid: int) -> float:
    """Of a process and its living descendants."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(_processor_seconds(int(child)) for child in children)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing happened for {WITHIN} s")
        time.sleep(0.01)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90.0, help="of the outage (90)")
    parser.add_argument("--jobs", type=int, default=3_000, help="of 20 ms each (3000)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
