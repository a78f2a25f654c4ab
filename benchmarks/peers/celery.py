"""Celery with its pool of processes, early and late acknowledgement."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

from celery import Celery

from benchmarks.peers import Order
from benchmarks.peers.work import JOBS, SAFE, SETTING, URL, program

NAME = "Celery"
VERSION = version("celery")
PROCESSES = "2 processes, 1 job each"
STORES = ("redis",)
SETTINGS = {
    "default": "early acknowledgement, visibility timeout 1 h",
    "safe": "acks_late, reject_on_worker_lost, prefetch 1, visibility timeout 5 s, looked at every 5 s",
}
SPEEDS = {
    "default": "prefork",
    "fast": "solo, prefetch 64, no gossip, mingle, heartbeat",
    "late": "prefork, late acknowledgement",
    "threads": "pool of 100 threads",
}
HAS_BULK = False  # its groups enqueue one by one

app = Celery("benchmarks.peers.celery", broker=URL, backend=URL)
app.conf.broker_connection_retry_on_startup = True
app.conf.task_acks_late = SAFE or SETTING == "late"
if SAFE:
    app.conf.task_reject_on_worker_lost = True
    app.conf.worker_prefetch_multiplier = 1
    app.conf.broker_transport_options = {
        "visibility_timeout": 5,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
tasks = {name: app.task(function, ignore_result=name != "echo") for name, function in JOBS.items()}


def command(url: str, setting: str) -> list[str]:
    """A worker of two pool processes."""
    return worker(url, setting, 2)


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """A pool of processes, no pool in the one process that there is, or a hundred threads."""
    options = {
        "fast": "--pool solo --prefetch-multiplier 64 --without-gossip --without-mingle --without-heartbeat",
        "threads": "--pool threads --concurrency 100",
    }.get(setting, f"--concurrency {processes}").split()
    return [program("celery"), "-A", __name__, "worker", *options, "--loglevel", "WARNING"]


def send(order: Order) -> None:
    """One by one."""
    for arguments in order.calls():
        tasks[order.job].delay(*arguments)


def send_at(order: Order) -> None:
    """One by one, each for its time."""
    for arguments in order.calls():
        tasks[order.job].apply_async(arguments, eta=datetime.fromtimestamp(arguments[1], UTC))
