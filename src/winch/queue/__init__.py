"""Queues, and all the ways to put a job into one."""

from winch.queue.calls import Call, call
from winch.queue.core import Queue
from winch.queue.registries import Registry
from winch.queue.using import Using

__all__ = ["Call", "Queue", "Using", "call"]

Registry.make_queue = Queue
