"""BullMQ on Node, installed beside this interpreter by `make .venv/.bullmq`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers import Order
from benchmarks.peers.work import copies

MODULES = Path(sys.prefix) / "node_modules"
SCRIPT = Path(__file__).with_suffix(".cjs")
NODE = shutil.which("node")
if NODE is None or not (MODULES / "bullmq").exists():
    raise ImportError("node, or its packages: make .venv/.bullmq")

NAME = "BullMQ"
VERSION = json.loads((MODULES / "bullmq" / "package.json").read_text())["version"]
PROCESSES = "1 process, 2 jobs"
STORES = ("redis",)
SETTINGS = {
    "default": "lock 30 s, stalled jobs looked for every 30 s",
    "safe": "lock 5 s, stalled jobs looked for every 5 s",
}
SPEEDS = {"default": "1 at a time", "fast": "100 at a time", "dropped": "100 at a time, removeOnComplete"}
HAS_BULK = True


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """One process, two jobs at a time in its event loop."""
    return [str(NODE), str(SCRIPT), str(MODULES), "worker"]


def worker(url: str, setting: str, processes: int) -> list[str]:
    """So many processes, each with many jobs at a time in its event loop."""
    return copies([*command(url, setting), "1" if setting == "default" else "100"], processes)


def send(order: Order) -> None:
    """One by one or in bulk, with a delay or without."""
    subprocess.run([str(NODE), SCRIPT, MODULES, "send", order.json()], check=True)


send_many = send
send_at = send
