"""arq, one process with an event loop. It wants redis<6: an environment of its own, which `make .venv/.arq` makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.peers import Order

PYTHON = Path(sys.prefix) / "arq" / "bin" / "python"
if not PYTHON.exists():
    raise ImportError("its own environment: make .venv/.arq")

NAME = "arq"
PROCESSES = "1 process, 10 jobs"
STORES = ("redis",)
SETTINGS = {"default": "job timeout 300 s", "safe": "job timeout 1 s"}
SPEEDS = {"default": "10 at a time", "fast": "100 at a time"}
HAS_BULK = False


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """It has but one process."""
    return [str(PYTHON.with_name("arq")), "benchmarks.peers.arq_jobs.Settings"]


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """It has but one process."""
    return command(url, setting)


def enqueue(file: str, jobs: int) -> None:
    """One by one: there is nothing for many."""
    send(Order("work", file, jobs))


def send(order: Order) -> None:
    """One by one."""
    subprocess.run([PYTHON, "-m", "benchmarks.peers", "arq_jobs", order.json()], check=True)


send_at = send
