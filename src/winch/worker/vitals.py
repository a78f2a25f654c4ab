"""What an executor is running, readable from outside at any moment: a few bytes of shared memory.

The executor writes a slot before it decodes a payload, and clears it after the job. The supervisor reads the slots to kill
what is overdue and to know what a dead executor was doing. The memory is a file descriptor that the executor inherits
(`multiprocessing.shared_memory` would unlink it on exit).

A slot has a sequence number which is odd while the slot is being written, so a reader (who has stopped the writer) knows
whether what it sees is whole.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from typing import NamedTuple

from winch.stores.contract import Held

__all__ = ["BUSY", "IDLE", "LEASE_SHARE", "STARTING", "Head", "Slot", "Vitals", "clock"]

STARTING, IDLE, BUSY = 0, 1, 2

LEASE_SHARE = 0.8
"""The share of the worker's ttl, counted from the sending of the last answered beat, in which executors may start jobs."""

_HEAD = struct.Struct("=QQQQ")  # lease, state, turns, jobs
_SLOT = struct.Struct("=QQqq129p")  # sequence, token, started, limit, id
_BODY = struct.Struct("=Qqq129p")
_HEAD_SIZE, _SLOT_SIZE = 64, 192
_WORD = 8
_LEASE, _STATE = 0, 1  # words of the head
_TOKEN, _LIMIT = 1, 3  # words of a slot; the first is its sequence number


def clock() -> int:
    """Nanoseconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime_ns(_CLOCK)


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Head(NamedTuple):
    """What is known of an executor as a whole.

    Attributes:
        lease: Until when (`clock()`) it may start jobs; written by the supervisor.
        state: `STARTING`, `IDLE` or `BUSY`.
        turns: How many turns it has taken.
        jobs: How many jobs it has run.
    """

    lease: int
    state: int
    turns: int
    jobs: int


class Slot(NamedTuple):
    """One job that is running.

    Attributes:
        sequence: Odd while the slot is being written; differs between any two jobs.
        held: The claim.
        started: `time.monotonic_ns()` at its start.
        limit: Its time limit in nanoseconds, -1 for none.
    """

    sequence: int
    held: Held
    started: int
    limit: int


class Vitals:
    """The shared memory of one executor, seen from either side.

    Args:
        descriptor: Of the memory; `Vitals.create` makes one.
        slots: How many jobs can run at a time.
    """

    def __init__(self, descriptor: int, slots: int) -> None:
        self.descriptor = descriptor
        self.slots = slots
        self._memory = mmap.mmap(descriptor, _HEAD_SIZE + slots * _SLOT_SIZE)
        self._words = memoryview(self._memory).cast("q")  # a word is read and written in one go

    @classmethod
    def create(cls, slots: int) -> Vitals:
        """New zeroed memory."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("winch-vitals")
        else:
            from tempfile import TemporaryFile

            with TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, _HEAD_SIZE + slots * _SLOT_SIZE)
        return cls(descriptor, slots)

    def close(self) -> None:
        """Release the memory and its descriptor."""
        self._words.release()
        self._memory.close()
        os.close(self.descriptor)

    # ---- the executor's side ----

    def begin(self, slot: int, token: int, id: str, started: int, limit: int = -1) -> None:
        """A job begins. The sequence number is odd while the rest is written."""
        words, offset = self._words, _HEAD_SIZE + slot * _SLOT_SIZE
        word = offset // _WORD
        sequence = words[word] | 1
        words[word] = sequence
        _BODY.pack_into(self._memory, offset + _WORD, token, started, limit, id.encode())
        words[word] = sequence + 1

    def set_limit(self, slot: int, limit: int) -> None:
        """The job in this slot may run for `limit` nanoseconds."""
        self._words[(_HEAD_SIZE + slot * _SLOT_SIZE) // _WORD + _LIMIT] = limit

    def clear(self, slot: int) -> None:
        """The job in this slot is over."""
        self._words[(_HEAD_SIZE + slot * _SLOT_SIZE) // _WORD + _TOKEN] = 0

    def set_state(self, state: int, turns: int, jobs: int) -> None:
        """What the executor as a whole is doing."""
        self._words[_STATE], self._words[_STATE + 1], self._words[_STATE + 2] = state, turns, jobs

    def lease(self) -> int:
        """Until when, on `clock()`, jobs may be started."""
        return self._words[_LEASE]

    def ttl_left(self, ttl: int) -> int:
        """Nanoseconds until the worker's ttl is over, of so many: the lease ends before it, by the supervisor's margin."""
        return self.lease() + int(ttl * (1 - LEASE_SHARE)) - clock()

    def lease_holds(self) -> bool:
        """Whether jobs may be started now."""
        return time.clock_gettime_ns(_CLOCK) < self._words[_LEASE]

    # ---- the supervisor's side ----

    def extend(self, until: int) -> None:
        """Allow jobs to be started until then, on `clock()`."""
        self._words[_LEASE] = until

    def head(self) -> Head:
        """The executor as a whole."""
        return Head(*_HEAD.unpack_from(self._memory, 0))

    def running(self) -> list[Slot]:
        """The jobs that are running now. A slot caught in the middle of a write is between two jobs: left out."""
        found: list[Slot] = []
        for slot in range(self.slots):
            sequence, token, started, limit, job = _SLOT.unpack_from(self._memory, _HEAD_SIZE + slot * _SLOT_SIZE)
            if token and not sequence & 1:
                found.append(Slot(sequence, Held(token, job.decode()), started, limit))
        return found
