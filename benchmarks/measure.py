"""What the system says of processes, and how figures are printed."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from tests.servers import find_redis_server

TICK = os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """Its cores, and the versions of what all queues share."""
    server = find_redis_server()
    redis = "none"
    if server is not None:
        redis = subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout
        redis = redis.partition("v=")[2].split()[0]
    clients = f"redis-py {version('redis')}, hiredis {version('hiredis')}"
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, Redis {redis}, {clients}"


def tree(pid: int) -> set[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int(_fields(int(folder.name))[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor seconds (user and system) of these processes and of their children that have ended."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            ticks += sum(int(field) for field in _fields(pid)[11:15])
    return ticks / TICK


def exact_cpu_seconds(pids: Iterable[int]) -> float:
    """The same of the threads that are alive, by the clock of the scheduler: `cpu_seconds` moves in steps of 10 ms."""
    nanoseconds = 0
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                nanoseconds += int(file.read_text().split()[0])
    return nanoseconds / 1e9


def pss(pids: Iterable[int]) -> int:
    """Bytes of memory, with what processes share counted once."""
    kilobytes = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes * 1024


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many per cent of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _fields(pid: int) -> list[str]:
    """What follows the name in /proc/PID/stat: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
