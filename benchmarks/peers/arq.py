"""arq, one process with an event loop. It wants redis<6: an environment of its own, which `make .venv/.arq` makes."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.peers import Order
from benchmarks.peers.work import copies

HOME = Path(sys.prefix) / "arq"
PYTHON = HOME / "bin" / "python"
if not PYTHON.exists():
    raise ImportError("its own environment: make .venv/.arq")

NAME = "arq"
VERSION = next(each.version for each in distributions(name="arq", path=[*map(str, HOME.glob("lib/*/site-packages"))]))
PROCESSES = "1 process, 10 jobs"
STORES = ("redis",)
SETTINGS = {"default": "job timeout 300 s", "safe": "job timeout 1 s"}
SPEEDS = {"default": "10 at a time", "fast": "100 at a time, looks every 10 ms"}
HAS_BULK = False


def command(url: str, setting: str) -> list[str]:
    """One process."""
    return worker(url, setting, 1)


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """So many processes, without its line per start and end of a job."""
    settings = "benchmarks.peers.arq_jobs"
    one = [str(PYTHON.with_name("arq")), f"{settings}.Settings", "--custom-log-dict", f"{settings}.QUIET"]
    return copies(one, processes)


def send(order: Order) -> None:
    """One by one."""
    subprocess.run([PYTHON, "-m", "benchmarks.peers", "arq_jobs", order.json()], check=True)


send_at = send
