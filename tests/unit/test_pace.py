"""How many jobs an executor claims."""

from winch.worker.pace import SLOW, Pace


def test_a_new_executor_claims_one_job() -> None:
    """Nothing is known yet: claim one, and mark it as begun."""
    pace = Pace()
    assert pace.room() == 1
    assert pace.needs_mark("f")


def test_fast_functions_open_the_room() -> None:
    """After some no-ops a hundred are claimed at a time, and a known fast function needs no mark."""
    pace = Pace()
    for _ in range(40):
        pace.saw("f", 10_000)
    assert pace.room() == 100
    assert not pace.needs_mark("f")
    assert pace.needs_mark("g")


def test_slow_functions_close_it() -> None:
    """One slow run is enough to claim one at a time."""
    pace = Pace()
    for _ in range(40):
        pace.saw("f", 10_000)
    pace.saw("f", 100 * SLOW)
    assert pace.room() == 1
    assert pace.needs_mark("f")


def test_coroutines_do_not_slow_the_main_thread_down() -> None:
    """A coroutine that sleeps holds nobody up: the room for others stays."""
    pace = Pace()
    for _ in range(40):
        pace.saw("f", 10_000)
    pace.saw("g", 100 * SLOW, concurrent=True)
    assert pace.room() == 100
    assert pace.needs_mark("g")
