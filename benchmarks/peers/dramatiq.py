"""Dramatiq, which acknowledges when a job has ended."""

from __future__ import annotations

import math
import time
from importlib.metadata import version

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks.peers import Order
from benchmarks.peers.work import JOBS, SAFE, URL, program

NAME = "Dramatiq"
VERSION = version("dramatiq")
PROCESSES = "2 processes, 8 threads each"
STORES = ("redis",)
SETTINGS = {
    "default": "heartbeat timeout 60 s, maintenance with 0.1 % of the commands",
    "safe": "heartbeat timeout 5 s, maintenance with 10 % of the commands",
}
SPEEDS = {"default": "8 threads", "fast": "64 threads, prefetch 1,000"}
HAS_BULK = False

broker = RedisBroker(url=URL, **({"heartbeat_timeout": 5_000, "maintenance_chance": 100_000} if SAFE else {}))
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)
actors = {name: dramatiq.actor(function, store_results=name == "echo") for name, function in JOBS.items()}


def command(url: str, setting: str) -> list[str]:
    """Two processes with the default of eight threads."""
    return worker(url, setting, 2)


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """So many processes. How many messages they fetch ahead is set by the environment alone."""
    prefetch, threads = (["env", "dramatiq_queue_prefetch=1000"], "64") if setting == "fast" else ([], "8")
    return [*prefetch, program("dramatiq"), "--processes", str(processes), "--threads", threads, __name__]


def send(order: Order) -> None:
    """One by one."""
    for arguments in order.calls():
        actors[order.job].send(*arguments)


def send_at(order: Order) -> None:
    """One by one, each with its delay."""
    for arguments in order.calls():
        delay = math.ceil((arguments[1] - time.time()) * 1e3)
        actors[order.job].send_with_options(args=arguments, delay=delay)
