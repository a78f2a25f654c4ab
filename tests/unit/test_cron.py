"""`winch.cron`: entries from modules and at run time, as they are written and as they are found."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.contract.helpers import due, job, lane
from winch import Callback, Limit, Queue, Retry, codec, cron, task
from winch.codec import load_meta
from winch.cron import Cron
from winch.cron.template import job_of, pack_template, unpack_template
from winch.errors import (
    DecodeError,
    DuplicateJob,
    EncodeError,
    EntryTaken,
    InvalidOption,
    NoSuchEntry,
    UnimportableFunction,
)
from winch.ids import new_id
from winch.stores import open_store
from winch.stores.contract import NewCallback, NewJob, NewLimit, Store


def nightly(day: str = "", **more: Any) -> str:
    """A function."""
    return day


@task("reports", retry=3, timeout="1m")
def report(n: int) -> int:
    """A task."""
    return n


@dataclass
class Shape:
    size: int


@pytest.fixture
def table(store_url: str) -> Cron:
    """The cron table of an empty store."""
    return Cron(open_store(store_url))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that registers two entries, on `sys.path` under a name of its own."""
    name = f"crontab_{new_id()[-8:]}"
    source = (
        "from winch import cron\n"
        "def work(n=0):\n    return n\n"
        "cron.register(work, cron='@hourly')\n"
        "cron.register(work, 'other', every='5m', args=[5], name='five', retry=2)\n"
    )
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield name
    sys.modules.pop(name, None)


# ---- templates ------------------------------------------------------------------------------------------------------


def test_a_template_is_a_whole_job() -> None:
    """Whatever a job asks for is in its template, and what is as by default is not: old bytes stay the same."""
    asked = NewJob(
        "",
        "q",
        b"\xff payload",
        priority=7,
        at_front=True,
        delay=5,
        ttl=6,
        result_ttl=0,
        failure_ttl=-1,
        max_crashes=1,
        meta=b"",
        callbacks=(NewCallback("success", b"\x00"), NewCallback("failure", b"f")),
        limits=(NewLimit("key", concurrency=1), NewLimit("other", 0, 2, 3, 4)),
    )
    assert unpack_template(pack_template(asked)) == asked
    assert pack_template(NewJob("", "q", b"")) == pack_template(NewJob("", "q", b"", priority=0, limits=()))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x01", b"\x80", b"\x81\xa6colour\x01"])
def test_bytes_that_are_no_template(data: bytes) -> None:
    """Damaged bytes, and those of a newer winch, are told of as such."""
    with pytest.raises(DecodeError):
        unpack_template(data)


def test_the_job_of_a_slot() -> None:
    """Each job has an id of its own, and tells its entry and its slot beside what was in the meta."""
    slot = datetime(2026, 11, 25, 3, tzinfo=ZoneInfo("Europe/Berlin"))
    template = NewJob("", "q", b"p", meta=codec.dumps_meta({"user": 5, "when": slot, "shape": Shape(2)}))
    one, two = job_of(template, "nightly", slot), job_of(template, "nightly", slot)
    assert one.id != two.id
    meta = load_meta(one.meta, lambda _path: Shape)
    assert meta == {"user": 5, "when": slot, "shape": Shape(2), "cron": {"name": "nightly", "slot": slot}}
    assert meta["cron"]["slot"].tzinfo == slot.tzinfo
    assert load_meta(job_of(NewJob("only", "q", b""), "n", None).meta) == {"cron": {"name": "n", "slot": None}}
    assert job_of(NewJob("only", "q", b""), "n", None).id == "only"


# ---- at run time ----------------------------------------------------------------------------------------------------


def test_add(table: Cron) -> None:
    """An added entry is found with all that it is, and its next run."""
    name = table.add(nightly, "late", cron="30 2 * * *", zone="Europe/Berlin", args=["today"], kwargs={"n": 1})
    assert name == "tests.unit.test_cron.nightly"
    [entry] = table.entries()
    assert (entry.name, entry.source, entry.queue, entry.func_name) == (name, "", "late", name)
    assert (entry.args, entry.kwargs, entry.schedule.text) == (("today",), {"n": 1}, "30 2 * * *")
    assert (entry.paused, entry.last_run, entry.last_job_id) == (False, None, None)
    assert entry.next_run is not None
    assert entry.next_run > datetime.now(UTC)
    assert entry.next_run.tzinfo == ZoneInfo("Europe/Berlin")
    assert repr(entry) == f"<cron entry {name!r} 30 2 * * *>"
    assert table.get(name) is not None
    assert table.get("unknown") is None


def test_add_again(table: Cron) -> None:
    """Under its name another entry takes the place of the first."""
    table.add(nightly, every=60, name="it")
    table.add("shop.work", "q", every=30, name="it")
    [entry] = table.entries()
    assert (entry.func_name, entry.queue, entry.schedule.every) == ("shop.work", "q", 30_000)


def test_last_run(table: Cron) -> None:
    """What fired last is told as a time in the entry's zone, with its job; the next run is later."""
    store = table.connection
    table.add(nightly, cron="* * * * * *", zone="Asia/Kolkata", name="it")
    _, _ = due(store, "helper")
    record = next(each for each in store.cron_table().entries if each.name == "it")
    slot = record.since + 1
    fired = job()
    while store.now() < slot:
        pass
    assert store.fire_entry("it", record.revision, slot, fired).kind == "fired"
    store.remove_entry("helper")
    [entry] = table.entries()
    assert entry.last_job_id == fired.id
    assert entry.last_run is not None
    assert entry.last_run.timestamp() == slot / 1000
    assert entry.last_run.tzinfo == ZoneInfo("Asia/Kolkata")
    assert entry.next_run is not None
    assert entry.next_run > entry.last_run


def test_pause_resume_remove(table: Cron) -> None:
    """A paused entry has no next run; a removed one is gone; the unknown is an error."""
    table.add(nightly, every=60, name="it")
    table.pause("it")
    [entry] = table.entries()
    assert (entry.paused, entry.next_run) == (True, None)
    table.resume("it")
    [entry] = table.entries()
    assert not entry.paused
    assert entry.next_run is not None
    table.remove("it")
    assert table.entries() == []
    for verb in (table.pause, table.resume, table.remove, table.run_now):
        with pytest.raises(NoSuchEntry, match="'it'"):
            verb("it")


def test_run_now(table: Cron) -> None:
    """An entry's job can be enqueued now, also while it is paused; its slots stay as they are."""
    table.add(nightly, "q", every=60, args=["now"], name="it", meta={"of": "me"})
    table.pause("it")
    started = table.run_now("it")
    assert (started.func_name, started.args, started.origin) == ("tests.unit.test_cron.nightly", ("now",), "q")
    assert started.meta == {"of": "me", "cron": {"name": "it", "slot": None}}
    [entry] = table.entries()
    assert (entry.last_run, entry.last_job_id) == (None, None)


def test_options_of_a_job(table: Cron) -> None:
    """Every option of a job works for those of an entry."""
    store = table.connection
    table.add(
        nightly,
        "q",
        every=60,
        name="it",
        retry=Retry(3, 5),
        timeout="2m",
        ttl="1h",
        result_ttl=7,
        failure_ttl=8,
        priority=9,
        description="at night",
        on_success=Callback(report),
        limits=[Limit("db", concurrency=1)],
        codec="json",
    )
    template = unpack_template(store.cron_table().entries[0].template)
    assert (template.ttl, template.result_ttl, template.failure_ttl, template.priority) == (3_600_000, 7_000, 8_000, 9)
    assert [callback.event for callback in template.callbacks] == ["success"]
    assert template.limits == (NewLimit("db", 1, 0, 0, 0),)
    run = codec.head(template.payload).run
    assert (run.timeout, run.retry, run.description, run.codec) == (120.0, Retry(3, 5), "at night", "json")
    table.run_now("it")
    assert [claim.priority for claim in lane(store).claim()] == [9]


def test_a_task_brings_its_own(table: Cron) -> None:
    """A function made by `@task` goes to its queue with its options, unless the entry says otherwise."""
    table.add(report, every=60, args=[1], name="own")
    table.add(report, "other", every=60, args=[1], name="others", retry=1)
    found = {each.name: unpack_template(each.template) for each in table.connection.cron_table().entries}
    own, others = found["own"], found["others"]
    assert (own.queue, codec.head(own.payload).run.retry, codec.head(own.payload).run.timeout) == (
        "reports",
        Retry(3),
        60,
    )
    assert (others.queue, codec.head(others.payload).run.retry) == ("other", Retry(1))


def test_unique_jobs(table: Cron) -> None:
    """With `unique` every slot's job has the id of any such job, so that a slot is left out while one is there."""
    table.add(nightly, every=60, name="it", unique=True)
    table.add(nightly, every=60, name="other", unique="one at a time")
    found = {each.name: unpack_template(each.template).id for each in table.connection.cron_table().entries}
    queue = Queue("elsewhere", table.connection)
    assert found["it"] == queue.using(unique=True).enqueue(nightly).id
    assert found["other"] == queue.using(unique="one at a time").enqueue(report, 1).id
    with pytest.raises(DuplicateJob):
        table.run_now("it")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"every": 1, "job_id": "one"}, InvalidOption),
        ({"every": 1, "depends_on": "one"}, InvalidOption),
        ({"every": 1, "group": "one"}, InvalidOption),
        ({"every": 1, "colour": "red"}, InvalidOption),
        ({"every": 1, "name": ""}, None),
        ({"every": 1, "name": "two words"}, InvalidOption),
        ({"every": 1, "name": "a\nb"}, InvalidOption),
        ({"every": 1, "name": "x" * 201}, InvalidOption),
        ({"every": 1, "queue": "no queue"}, InvalidOption),
        ({"every": 1, "meta": {"cron": 1}}, InvalidOption),
        ({"every": 1, "meta": {1: 1}}, InvalidOption),
        ({"every": 1, "args": [object()]}, EncodeError),
        ({"every": 1, "func": "no path"}, UnimportableFunction),
        ({"every": 1, "func": lambda: None}, UnimportableFunction),
    ],
)
def test_what_is_refused(table: Cron, given: dict[str, Any], error: type[Exception] | None) -> None:
    """What cannot be used is refused before anything is written."""
    func, given = given.get("func", nightly), {key: value for key, value in given.items() if key != "func"}
    if error is None:
        assert table.add(func, **given) == "tests.unit.test_cron.nightly"
        return
    with pytest.raises(error):
        table.add(func, **given)
    assert table.entries() == []


# ---- from modules ---------------------------------------------------------------------------------------------------


def test_sync(table: Cron, module: str) -> None:
    """What a module registers is written under its name; again it changes nothing; what it registers no more goes."""
    assert table.sync(module)
    found = {entry.name: entry for entry in table.entries()}
    assert sorted(found) == [f"{module}.work", "five"]
    assert {entry.source for entry in found.values()} == {module}
    assert (found["five"].queue, found["five"].args, found["five"].schedule.text) == ("other", (5,), "every 300s")
    before = table.connection.cron_table()
    assert table.sync(module)
    assert table.connection.cron_table()[1:] == before[1:]
    table.connection.put_entries(module, [each.packed() for each in cron.registered(module)[:1]], whole=True)
    assert len(table.entries()) == 1
    assert table.sync(module)
    assert len(table.entries()) == 2


def test_versions(table: Cron, module: str) -> None:
    """A set of a lower version than the one that is there is not written."""
    assert table.sync(module, version=2)
    assert not table.sync(module, version=1)
    assert table.sync(module, version=2)
    assert table.sync(module, version=2**53 - 1)
    for version in (-1, 2**53):
        with pytest.raises(InvalidOption, match="version="):
            table.sync(module, version=version)


def test_names_of_others(table: Cron, module: str) -> None:
    """A module cannot take over an entry that was added at run time, nor the other way round."""
    table.add(nightly, every=60, name="five")
    with pytest.raises(EntryTaken, match="added by itself"):
        table.sync(module)
    table.remove("five")
    table.sync(module)
    with pytest.raises(EntryTaken, match=module):
        table.add(nightly, every=60, name="five")


def test_two_of_a_name(module: str) -> None:
    """A module that registers two entries of one name is told so; the very same one may be registered again."""
    namespace: dict[str, Any] = {"__name__": f"{module}_twice"}
    line = "from winch import cron; cron.register('shop.work', every={}, name='n')"
    exec(line.format(1), namespace)
    exec(line.format(1), namespace)
    with pytest.raises(InvalidOption, match="another name="):
        exec(line.format(2), namespace)


@pytest.mark.parametrize("name", ["no.such.module", "crontab.py", "folder/crontab"])
def test_no_such_module(table: Cron, name: str) -> None:
    """A module that is not there, and a file's name, are refused in words."""
    with pytest.raises(InvalidOption, match=r"module"):
        table.sync(name)


def test_a_module_that_misses_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: Cron) -> None:
    """What a module cannot import itself is its own error."""
    (tmp_path / "crontab_broken.py").write_text("import no_such_thing\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        table.sync("crontab_broken")


def test_a_queue_is_fed(table: Cron) -> None:
    """The jobs of an entry are in their queue as any other."""
    table.add(nightly, "q", every=60, name="it")
    started = table.run_now("it")
    assert Queue("q", table.connection).get_job_ids() == [started.id]


def test_a_text_is_no_row_of_arguments(store: Store) -> None:
    """An entry's arguments are a list or a tuple: the letters of a text are not meant."""
    with pytest.raises(InvalidOption, match=r"^args='ab': give a list"):
        cron.register(nightly, cron="@daily", args="ab")
    with pytest.raises(InvalidOption, match=r"^args='ab': give a list"):
        Cron(store).add(nightly, cron="@daily", args="ab")
