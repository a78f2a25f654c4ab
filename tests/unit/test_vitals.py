"""The shared memory between executor and supervisor."""

import struct
from collections.abc import Iterator

import pytest

from winch.stores.contract import Held
from winch.worker.vitals import BUSY, Vitals


@pytest.fixture
def vitals() -> Iterator[Vitals]:
    """Memory with three slots."""
    memory = Vitals.create(3)
    yield memory
    memory.close()


def test_the_other_side_sees_what_runs(vitals: Vitals) -> None:
    """A second mapping of the same descriptor shows the jobs in their slots."""
    vitals.begin(0, 7, "job-a", 100)
    vitals.begin(2, 8, "x" * 128, 200, 5_000)
    other = Vitals(vitals.descriptor, 3)
    assert [(slot.held, slot.started, slot.limit) for slot in other.running()] == [
        (Held(7, "job-a"), 100, -1),
        (Held(8, "x" * 128), 200, 5_000),
    ]


def test_a_finished_job_is_gone(vitals: Vitals) -> None:
    """After `clear` nothing runs in the slot."""
    vitals.begin(0, 7, "a", 100)
    vitals.clear(0)
    assert vitals.running() == []


def test_two_jobs_differ_in_sequence(vitals: Vitals) -> None:
    """The next job in a slot has another, even sequence number."""
    vitals.begin(0, 7, "a", 100)
    (first,) = vitals.running()
    vitals.begin(0, 7, "a", 100)
    (second,) = vitals.running()
    assert first.sequence != second.sequence
    assert first.sequence % 2 == second.sequence % 2 == 0


def test_a_slot_in_the_middle_of_a_write_is_between_two_jobs(vitals: Vitals) -> None:
    """With an odd sequence number a slot is not believed."""
    vitals.begin(0, 7, "a", 100)
    memory = vars(vitals)["_memory"]
    sequence = struct.unpack_from("<Q", memory, 64)[0]
    struct.pack_into("<Q", memory, 64, sequence + 1)
    assert vitals.running() == []


def test_the_limit_can_be_set_later(vitals: Vitals) -> None:
    """The limit is known only after the payload is decoded."""
    vitals.begin(1, 7, "a", 100)
    vitals.set_limit(1, 42)
    assert vitals.running()[0].limit == 42


def test_lease_and_state(vitals: Vitals) -> None:
    """The supervisor extends the lease, the executor tells its state; neither touches the other's word."""
    vitals.set_state(BUSY, 3, 4)
    vitals.extend(99)
    assert vitals.lease() == 99
    assert vitals.head() == (99, BUSY, 3, 4)
