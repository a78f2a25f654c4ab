"""BullMQ on Node: `npm install --prefix .venv bullmq ioredis` puts it at hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

MODULES = Path(sys.prefix) / "node_modules"
SCRIPT = Path(__file__).with_suffix(".cjs")
NODE = shutil.which("node")
if NODE is None or not (MODULES / "bullmq").exists():
    raise ImportError("node, or bullmq beside this interpreter")

NAME = "BullMQ"
PROCESSES = "1 process, 2 jobs"
STORES = ("redis",)
SETTINGS = {
    "default": "lock 30 s, stalled jobs looked for every 30 s",
    "safe": "lock 5 s, stalled jobs looked for every 5 s",
}
SPEEDS = {"default": "1 at a time", "fast": "100 at a time"}
HAS_BULK = True


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """One process, two jobs at a time in its event loop."""
    return [str(NODE), str(SCRIPT), str(MODULES), "worker"]


def enqueue(file: str, jobs: int) -> None:
    """In bulk."""
    subprocess.run([str(NODE), SCRIPT, MODULES, "enqueue", file, str(jobs)], check=True)


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """One process, many jobs at a time in its event loop."""
    return [str(NODE), str(SCRIPT), str(MODULES), "worker", "100" if setting == "fast" else "1"]


def send(job: str, file: str, jobs: int, every: float) -> None:
    """One by one."""
    subprocess.run([str(NODE), SCRIPT, MODULES, "send", file, str(jobs), job, str(every)], check=True)


def send_many(job: str, file: str, jobs: int) -> None:
    """In bulk."""
    subprocess.run([str(NODE), SCRIPT, MODULES, "bulk", file, str(jobs), job], check=True)
