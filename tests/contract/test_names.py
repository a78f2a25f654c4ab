"""Names: whatever a queue, a job, a worker or a function is called, it stays apart from all others (FAULTS row 49).

What users may choose is narrower: 1 to 128 letters, digits and a few signs (`winch.options`, tested there). A store does
not rely on that, save that a name has no control character and at most 255 bytes.
"""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.contract.helpers import Boss, S, ids, job, outcome, put, record, states
from winch.stores.contract import Store, TallyKey

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
NASTY = "{winch}:j:'; DROP TABLE jobs; -- ]] ~~ % * ? [a] \u202e \U0001f527"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=st.lists(NAMES, min_size=2, max_size=2, unique=True))
@example(pair=[NASTY, NASTY + " "])
@example(pair=["x" * 255, "x" * 254])
@example(pair=["a", "a:b"])
@example(pair=["0190abcd-1234-7abc-8def-0123456789ab", "~0190abcd-1234-7abc-8def-0123456789ab"])
@pytest.mark.slow
def test_any_name(store: Store, pair: list[str]) -> None:
    """A job goes through its life under any name, and one beside it under another name is left alone."""
    name, other = pair
    put(store, job(id=name, queue=name), job(id=other, queue=other))
    assert [record(store, each).id for each in pair] == pair
    assert store.queues() == sorted(pair)
    boss = Boss(store, name=name, host=name, queues=(name,))
    executor = boss.lane()
    store.annotate(name, name.encode())
    store.pause(name)
    assert (store.paused(), executor.claim()) == ({name: 0}, [])
    store.resume(name)
    claim = executor.one()
    assert (claim.id, claim.queue, claim.meta) == (name, name, name.encode())
    assert [each.jobs for each in store.workers()] == [(name,)]
    store.send(boss.id, "shutdown")
    assert [command.name for command in boss.beat().commands] == ["shutdown"]
    executor.turn(outcome(claim, "failed", reason="raised", detail=b"x"), tally={TallyKey(name, name, "run", 1): 2})
    assert TallyKey(name, name, "run", 1) in {row.key for row in store.metrics(60_000)}
    assert [(each.reason, each.worker) for each in record(store, name).history] == [("raised", name)]
    assert ids(store, name, S.FAILED) == [name]
    assert states(store, other) == ["queued"]
    assert store.delete(pair) == 2
    assert [store.forget(each) for each in pair] == [True, True]
    executor.retire()
    store.retire_worker(boss.id)
    assert store.queues() == []
