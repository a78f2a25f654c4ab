"""The cron table: entries come and go by name and source, and each slot of them fires once (PROTOCOL rule 33)."""

import threading

import pytest

from tests.contract.helpers import (
    Boss,
    S,
    add,
    due,
    entry,
    entry_of,
    eventually,
    has_hint,
    hinted,
    ids,
    job,
    lane,
    record,
    snapshot,
    states,
)
from winch.errors import EntryTaken
from winch.stores.contract import Fired, NewCallback, Store

HOUR = 3_600_000


def names(store: Store) -> list[str]:
    """The names in the cron table."""
    return [each.name for each in store.cron_table().entries]


# ---- writing --------------------------------------------------------------------------------------------------------


def test_a_new_entry(store: Store) -> None:
    """An entry is as it was written, has never fired, and its slots begin now."""
    before = store.now()
    assert store.put_entries("shop", [entry("b"), entry("a", b"when", b"what")], version=3)
    table = store.cron_table()
    assert [each.name for each in table.entries] == ["a", "b"]
    found = table.entries[0]
    assert (found.source, found.version, found.schedule, found.template) == ("shop", 3, b"when", b"what")
    assert (found.revision, found.paused, found.last_slot, found.last_job) == (table.version, False, 0, "")
    assert before <= found.created_at == found.since <= table.now


def test_no_table(store: Store) -> None:
    """Where there never was an entry the table is empty, and its version is 0."""
    assert store.cron_table()[1:] == (0, ())
    assert Boss(store).beat().cron == 0


def test_the_same_set_again(store: Store) -> None:
    """A set that is written again changes nothing: not the version, so nobody looks."""
    for _ in range(3):
        assert store.put_entries("shop", [entry("a"), entry("b")], whole=True)
        before = snapshot(store)
        assert store.put_entries("shop", [entry("b"), entry("a")], whole=True)
        assert snapshot(store) == before


def test_what_vanished_from_a_set(store: Store) -> None:
    """A whole set takes the place of the source's last one; entries of others stay."""
    store.put_entries("shop", [entry("a"), entry("b")], whole=True)
    store.put_entries("other", [entry("c")], whole=True)
    store.put_entries("", [entry("d")])
    store.put_entries("shop", [entry("b"), entry("e")], whole=True)
    assert names(store) == ["b", "c", "d", "e"]
    store.put_entries("shop", [], whole=True)
    assert names(store) == ["c", "d"]


def test_entries_one_by_one(store: Store) -> None:
    """Without `whole` entries are added to those of the source."""
    store.put_entries("", [entry("a")])
    store.put_entries("", [entry("b")])
    assert names(store) == ["a", "b"]
    assert store.remove_entry("a")
    assert not store.remove_entry("a")
    assert names(store) == ["b"]


@pytest.mark.parametrize(("owner", "taker"), [("shop", "other"), ("shop", ""), ("", "shop")])
def test_a_name_belongs_to_its_source(store: Store, owner: str, taker: str) -> None:
    """Nobody takes another's entry over, and a refused set changes nothing."""
    store.put_entries(owner, [entry("mine")])
    before = snapshot(store)
    with pytest.raises(EntryTaken) as caught:
        store.put_entries(taker, [entry("new"), entry("mine")], whole=True)
    assert caught.value.args[1:] == ("mine", owner)
    assert snapshot(store) == before


def test_a_lower_version_is_left_alone(store: Store) -> None:
    """A set of a lower version than the source's changes nothing; one of the same or a higher version does."""
    store.put_entries("shop", [entry("a"), entry("b")], version=2, whole=True)
    before = snapshot(store)
    assert not store.put_entries("shop", [entry("a", b"older")], version=1, whole=True)
    assert not store.put_entries("shop", [], version=1, whole=True)
    assert snapshot(store) == before
    assert store.put_entries("shop", [entry("a")], version=2, whole=True)
    assert store.put_entries("shop", [entry("a")], version=7, whole=True)
    assert not store.put_entries("shop", [entry("a")], version=2, whole=True)
    assert store.put_entries("other", [entry("o")], version=1, whole=True)


def test_what_survives_a_change(store: Store) -> None:
    """Last slot and job survive every change; another schedule begins now, another template does not."""
    revision, slot = due(store, "a")
    fired = job()
    store.fire_entry("a", revision, slot, fired)
    before = entry_of(store, "a")
    store.put_entries("", [entry("a", template=b"other")])
    found = entry_of(store, "a")
    assert found.revision > before.revision
    assert found == before._replace(template=b"other", revision=found.revision)
    eventually(lambda: store.now() > found.since)
    store.put_entries("", [entry("a", b"later", b"other")])
    changed = entry_of(store, "a")
    assert changed.since > found.since
    assert changed == found._replace(schedule=b"later", revision=changed.revision, since=changed.since)
    assert (changed.last_slot, changed.last_job) == (slot, fired.id)


def test_every_change_is_a_new_version(store: Store) -> None:
    """Each beat tells the table's version, which grows with every change, and only with those."""
    boss = Boss(store)
    seen = [boss.beat().cron]

    def has_grown() -> bool:
        seen.append(boss.beat().cron)
        assert seen[-1] == store.cron_table().version
        return seen[-1] > seen[-2]

    store.put_entries("", [entry("a"), entry("b")])
    assert has_grown()
    store.put_entries("", [entry("a"), entry("b")])
    assert not has_grown()
    store.put_entries("", [entry("a", b"other")])
    assert has_grown()
    assert store.pause_entry("a", True)
    assert has_grown()
    assert store.pause_entry("a", True)
    assert not has_grown()
    assert store.pause_entry("a", False)
    assert has_grown()
    found = entry_of(store, "a")
    eventually(lambda: store.now() > found.since)
    assert store.fire_entry("a", found.revision, store.now(), job()).kind == "fired"
    assert not has_grown()
    assert not store.remove_entry("unknown")
    assert not has_grown()
    assert store.remove_entry("a")
    assert has_grown()


@pytest.mark.parametrize("change", ["put", "remove", "pause", "resume"])
def test_a_change_wakes_supervisors(store: Store, change: str) -> None:
    """Whoever sleeps on a worker's hints wakes when the cron table changes."""
    store.put_entries("", [entry("a"), entry("b")])
    store.pause_entry("b", True)
    boss = Boss(store)
    waiter = store.hints(boss.id)
    has_hint(waiter, within=0.1)
    if change == "put":
        store.put_entries("", [entry("new")])
    elif change == "remove":
        store.remove_entry("a")
    elif change == "pause":
        store.pause_entry("a", True)
    else:
        store.pause_entry("b", False)
    assert has_hint(waiter)
    waiter.close()


# ---- firing ---------------------------------------------------------------------------------------------------------


def test_fire(store: Store) -> None:
    """A slot that has come fires: its job is queued, and the entry remembers both."""
    revision, slot = due(store, "a")
    fired = job(callbacks=(NewCallback("success", b"then"),), priority=7, meta=b"m")
    answer = store.fire_entry("a", revision, slot, fired)
    assert answer == Fired(answer.now, "fired", slot)
    assert (entry_of(store, "a").last_slot, entry_of(store, "a").last_job) == (slot, fired.id)
    found = record(store, fired.id)
    assert (found.state, found.queue, found.payload, found.priority, found.meta) == (S.QUEUED, "q", b"payload", 7, b"m")
    assert hinted(store)
    executor = lane(store)
    assert executor.settle(executor.one())
    assert [claim.payload for claim in executor.claim()] == [b"then"]


def test_a_delayed_job(store: Store) -> None:
    """The job of a slot may be due later."""
    revision, slot = due(store, "a")
    fired = job(delay=HOUR)
    store.fire_entry("a", revision, slot, fired)
    assert states(store, fired.id) == ["scheduled"]


def test_a_slot_fires_once(store: Store) -> None:
    """A slot that is not later than the last one has passed, whoever asks; nothing is enqueued."""
    revision, slot = due(store, "a")
    store.fire_entry("a", revision, slot, job())
    before = snapshot(store)
    for passed in (slot, slot - 1, 0):
        answer = store.fire_entry("a", revision, passed, job())
        assert answer == Fired(answer.now, "passed", slot)
    assert snapshot(store) == before


def test_a_slot_from_before_the_entry(store: Store) -> None:
    """A slot that is not later than `since` has passed, also after a resume."""
    revision, slot = due(store, "a")
    since = entry_of(store, "a").since
    assert store.fire_entry("a", revision, since, job()).kind == "passed"
    store.pause_entry("a", True)
    eventually(lambda: store.now() > slot)
    store.pause_entry("a", False)
    found = entry_of(store, "a")
    assert found.since > slot
    assert store.fire_entry("a", found.revision, slot, job()).kind == "passed"
    assert ids(store, "q", S.QUEUED) == []


def test_a_slot_that_has_not_come(store: Store) -> None:
    """A slot later than now is early; nothing is enqueued, and it can fire when its time has come."""
    revision, slot = due(store, "a")
    before = snapshot(store)
    answer = store.fire_entry("a", revision, slot + HOUR, job())
    assert answer == Fired(answer.now, "early", 0)
    assert snapshot(store) == before
    assert store.fire_entry("a", revision, slot, job()).kind == "fired"


@pytest.mark.parametrize("change", ["schedule", "template", "paused", "resumed", "removed"])
def test_a_changed_entry(store: Store, change: str) -> None:
    """Who knows an entry as it was before a change fires nothing of it any more."""
    revision, slot = due(store, "a")
    if change in ("schedule", "template"):
        store.put_entries("", [entry("a", **{change: b"other"})])
    elif change == "removed":
        store.remove_entry("a")
    else:
        store.pause_entry("a", True)
        if change == "resumed":
            store.pause_entry("a", False)
    answer = store.fire_entry("a", revision, slot, job())
    assert answer == Fired(answer.now, "changed", 0)
    assert ids(store, "q", S.QUEUED) == []


def test_a_paused_entry(store: Store) -> None:
    """A paused entry does not fire, also for those who know of the pause."""
    _, slot = due(store, "a")
    store.pause_entry("a", True)
    assert entry_of(store, "a").paused
    assert store.fire_entry("a", entry_of(store, "a").revision, slot, job()).kind == "changed"
    assert not store.pause_entry("unknown", True)


def test_an_id_in_use(store: Store) -> None:
    """If the id of a slot's job is in use the slot has fired, and there is no other job; an ended one makes room."""
    revision, slot = due(store, "a")
    busy = add(store, id="only-one")
    assert store.fire_entry("a", revision, slot, job(id=busy)).kind == "duplicate"
    found = entry_of(store, "a")
    assert (found.last_slot, found.last_job) == (slot, "")
    assert ids(store, "q", S.QUEUED) == [busy]
    executor = lane(store)
    assert executor.settle(executor.one())
    later = eventually(lambda: (now := store.now()) > slot + 1 and now)
    assert store.fire_entry("a", revision, later, job(id=busy)).kind == "fired"
    assert states(store, busy) == ["queued"]


def test_many_fire_the_same_slots(store: Store) -> None:
    """Eight who fire the same slots at the same time enqueue one job for each."""
    revision, now = due(store, "a")
    now = eventually(lambda: (late := store.now()) > now + 20 and late)
    slots, kinds = range(now - 19, now + 1), list[str]()

    def tick() -> None:
        kinds.extend(store.fire_entry("a", revision, slot, job()).kind for slot in slots)

    threads = [threading.Thread(target=tick) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds.count("fired") == len(ids(store, "q", S.QUEUED)) <= len(slots)
    assert entry_of(store, "a").last_slot == now
    assert set(kinds) == {"fired", "passed"}


def test_a_queue_that_is_paused(store: Store) -> None:
    """An entry fires into a paused queue; the job waits there."""
    revision, slot = due(store, "a")
    store.pause("q")
    fired = job()
    assert store.fire_entry("a", revision, slot, fired).kind == "fired"
    assert lane(store).claim() == []
    store.resume("q")
    assert lane(store).one().id == fired.id
