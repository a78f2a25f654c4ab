"""What a supervisor fires of the cron table, decided without a store and without a clock."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from winch.cron.schedule import Misfire, Schedule
from winch.cron.template import pack_template
from winch.stores.contract import CronTable, EntryRecord, Fired, FireKind, NewJob
from winch.worker.crontab import CronTab, Firing

BEGIN, SECOND, MINUTE, HOUR = 1_795_600_800_000, 1_000, 60_000, 3_600_000  # a full hour
TEMPLATE = pack_template(NewJob("", "q", b"payload"))


def record(name: str = "it", misfire: Misfire | int = "once", **fields: Any) -> EntryRecord:
    """An hourly entry that was made at the beginning of the hour."""
    schedule = Schedule("0 * * * *", misfire=misfire).pack()
    made = EntryRecord(name, "", 0, schedule, TEMPLATE, 1, False, BEGIN, BEGIN, 0, "")
    return made._replace(**fields)


def crontab(*records: EntryRecord, version: int = 1) -> CronTab:
    """A supervisor's table."""
    tab = CronTab()
    tab.read(CronTable(BEGIN, version, records))
    return tab


def tick(tab: CronTab, now: int, *kinds: FireKind, last: int = 0) -> list[Firing]:
    """Fire what is due; the store answers with these kinds, then with `fired`."""
    fired: list[Firing] = []
    for firing in tab.due(now):
        kind = kinds[len(fired)] if len(fired) < len(kinds) else "fired"
        fired.append(firing)
        tab.fired(firing, Fired(now, kind, firing.slot if kind in ("fired", "duplicate") else last))
    return fired


def hours(firings: Sequence[Firing]) -> list[float]:
    """The slots of firings in hours since the beginning."""
    return [(firing.slot - BEGIN) / HOUR for firing in firings]


def test_an_empty_table() -> None:
    """Without entries there is nothing to wake up for."""
    tab = crontab()
    assert (tab.next_at(), tick(tab, BEGIN + HOUR)) == (None, [])


def test_when_its_time_comes() -> None:
    """The first slot is the one after the entry began; it fires when it has come, and the next is one hour later."""
    tab = crontab(record(revision=7))
    assert tab.next_at() == BEGIN + HOUR
    assert tick(tab, BEGIN + HOUR - 1) == []
    [firing] = tick(tab, BEGIN + HOUR)
    assert (firing.name, firing.revision, firing.slot) == ("it", 7, BEGIN + HOUR)
    assert (firing.job.queue, firing.job.payload) == ("q", b"payload")
    assert (tab.next_at(), tick(tab, BEGIN + HOUR + 1)) == (BEGIN + 2 * HOUR, [])


def test_where_the_last_one_stopped() -> None:
    """It goes on after the last slot that fired, or after `since` where that is later: a restart fires nothing extra."""
    assert crontab(record(last_slot=BEGIN + 3 * HOUR)).next_at() == BEGIN + 4 * HOUR
    assert crontab(record(last_slot=BEGIN, since=BEGIN + 90 * MINUTE)).next_at() == BEGIN + 2 * HOUR
    interval = record(schedule=Schedule(every=7 * MINUTE).pack(), created_at=BEGIN - MINUTE)
    assert crontab(interval).next_at() == BEGIN + 6 * MINUTE


def test_the_earliest_counts() -> None:
    """Of several entries the earliest says when to wake up; each that is due fires."""
    other = record("other", schedule=Schedule(every=25 * MINUTE).pack())
    tab = crontab(record(), other, record("paused", paused=True))
    assert tab.next_at() == BEGIN + 25 * MINUTE
    assert [firing.name for firing in tick(tab, BEGIN + HOUR)] == ["it", "other"]
    assert tab.next_at() == BEGIN + 75 * MINUTE


@pytest.mark.parametrize(
    ("misfire", "expected"), [("once", [5]), ("skip", []), ("all", [1, 2, 3, 4, 5]), (2, [4, 5]), (9, [1, 2, 3, 4, 5])]
)
def test_missed_slots(misfire: Misfire | int, expected: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """After five hours away the policy says what fires, the log tells what is left out, and it goes on with the next."""
    caplog.set_level(logging.WARNING, "winch.worker")
    tab = crontab(record(misfire=misfire))
    assert hours(tick(tab, BEGIN + 5 * HOUR + 2 * MINUTE)) == expected
    assert ("left out" in caplog.text) is (len(expected) < 5)
    assert tab.next_at() == BEGIN + 6 * HOUR
    assert hours(tick(tab, BEGIN + 6 * HOUR)) == [6]


def test_others_were_quicker() -> None:
    """What others have fired is not fired here: the answer to the first slot says how far they are."""
    tab = crontab(record(misfire="all"))
    assert hours(tick(tab, BEGIN + 5 * HOUR, "passed", last=BEGIN + 3 * HOUR)) == [1, 4, 5]
    assert tab.next_at() == BEGIN + 6 * HOUR


def test_a_slot_whose_job_is_still_there() -> None:
    """A slot that makes no job, since the last one is still there, is done with."""
    tab = crontab(record())
    tick(tab, BEGIN + HOUR, "duplicate")
    assert tab.next_at() == BEGIN + 2 * HOUR


def test_too_early() -> None:
    """A slot for which the store says that it is early is tried again."""
    tab = crontab(record())
    assert hours(tick(tab, BEGIN + HOUR, "early")) == [1]
    assert tab.next_at() == BEGIN + HOUR
    assert hours(tick(tab, BEGIN + HOUR)) == [1]


def test_a_changed_entry() -> None:
    """An entry that has changed fires no more, and the table has to be read again."""
    tab = crontab(record(misfire="all"), record("other"), version=4)
    assert tab.version == 4
    assert [firing.name for firing in tick(tab, BEGIN + 2 * HOUR, "changed")] == ["it", "other"]
    assert tab.version == -1
    tab.read(CronTable(BEGIN + 2 * HOUR, 5, (record(revision=5, misfire="all"),)))
    assert [firing.revision for firing in tick(tab, BEGIN + 2 * HOUR)] == [5, 5]


def test_a_refusal_holds_up_no_other() -> None:
    """An entry whose firing the store has refused waits with all its slots until the next look; the others fire."""
    tab = crontab(record("broken", misfire="all"), record("well"))
    fired: list[str] = []
    for firing in tab.due(BEGIN + 2 * HOUR):
        if firing.name == "broken":
            tab.refused(firing)
        else:
            tab.fired(firing, Fired(BEGIN + 2 * HOUR, "fired", firing.slot))
        fired.append(firing.name)
    assert fired == ["broken", "well"]
    assert tab.next_at() == BEGIN + HOUR
    assert hours(tick(tab, BEGIN + 2 * HOUR)) == [1, 2]


@pytest.mark.parametrize(
    "broken",
    [
        {"schedule": b"{"},
        {"schedule": b'{"cron":"0 0 * * *","zone":"Europe/Atlantis"}'},
        {"template": b"\x80"},
        {"template": pack_template(NewJob("", "q", b"", meta=b"\x01\xc1"))},
    ],
)
def test_an_entry_that_cannot_be_read(broken: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """What this worker cannot read it leaves to others, tells of it once, and fires the rest."""
    tab = crontab(record("broken")._replace(**broken), record())
    tab.read(CronTable(BEGIN, 2, (record("broken")._replace(**broken), record())))
    assert caplog.text.count("does not fire the cron entry broken") == 1
    assert [firing.name for firing in tick(tab, BEGIN + HOUR)] == ["it"]
