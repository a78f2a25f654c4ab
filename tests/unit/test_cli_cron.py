"""`winch cron`, `winch suspend` and `winch resume`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import run
from winch.cron import Cron
from winch.ids import new_id
from winch.queue import Queue
from winch.stores import open_store

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def cron(project: Path) -> Cron:
    """The project's cron table, with two entries."""
    table = Cron(open_store(f"sqlite:///{project}/.winch/jobs.db"))
    table.add("shop.report", "late", cron="30 2 * * *", zone="Europe/Berlin", name="nightly")
    table.add("shop.clean", every="10m", args=[7], name="clean")
    return table


@pytest.mark.parametrize(
    "words", ["cron list", "cron pause x", "cron resume x", "cron run x", "cron remove x", "resume", "resume mail"]
)
def test_what_there_is_to_change_is_not_made(project: Path, words: str) -> None:
    """Where there is no store these say so, as in a wrong folder, and make none."""
    assert "nothing was enqueued there yet" in run(*words.split(), code=2).stderr
    assert not (project / ".winch").exists()


def test_no_entries(project: Path) -> None:
    """An empty table is told of as such."""
    open_store(f"sqlite:///{project}/.winch/jobs.db").open()
    assert run("cron", "list").stdout == "There are no cron entries.\n"
    assert json.loads(run("cron", "list", "--json").stdout) == []


def test_list(cron: Cron) -> None:
    """Names with last and next run, as a table and as JSON."""
    cron.pause("clean")
    head, clean, nightly = run("cron", "list").stdout.splitlines()
    assert head.split()[:4] == ["name", "schedule", "zone", "queue"]
    assert clean.split() == ["clean", "every", "600s", "default", "shop.clean", "-", "paused"]
    assert nightly.split()[:2] == ["nightly", "30"]
    assert ":30:00+0" in nightly
    found = {entry["name"]: entry for entry in json.loads(run("cron", "list", "--json").stdout)}
    assert found["nightly"]["next_run"][10:] in ("T02:30:00+01:00", "T02:30:00+02:00", "T03:00:00+02:00")
    assert (found["clean"]["every"], found["clean"]["cron"], found["clean"]["paused"]) == (600.0, None, True)
    assert (found["clean"]["next_run"], found["clean"]["last_run"], found["clean"]["last_job_id"]) == (None, None, None)


def test_pause_resume_run_remove(cron: Cron) -> None:
    """One entry is paused, resumed, run and removed by its name."""
    assert run("cron", "pause", "clean").stdout == "Paused clean.\n"
    assert [entry.paused for entry in cron.entries()] == [True, False]
    assert "Enqueued shop.clean(7) with job-id" in run("cron", "run", "clean").stdout
    assert len(Queue("default", cron.connection)) == 1
    assert run("cron", "resume", "clean").stdout == "Resumed clean.\n"
    assert run("cron", "remove", "clean").stdout == "Removed clean.\n"
    assert [entry.name for entry in cron.entries()] == ["nightly"]
    for verb in ("pause", "resume", "run", "remove"):
        assert "there is no cron entry 'clean'" in run("cron", verb, "clean", code=1).stderr


def test_sync(project: Path, cron: Cron) -> None:
    """A module's entries are written under its name; a lower version is not."""
    name = f"crontab_{new_id()[-8:]}"
    folder = project / "code"
    folder.mkdir()
    (folder / f"{name}.py").write_text("from winch import cron\ncron.register('shop.send', cron='@daily')\n")
    assert "give its name" in run("cron", "sync", name, code=2).stderr
    assert run("cron", "sync", "--path", "code", "--version", "3", name).stdout == f"{name} has 1 cron entry.\n"
    assert [entry.name for entry in cron.entries()] == ["clean", "nightly", "shop.send"]
    assert "higher version" in run("cron", "sync", name, code=1).stderr


def test_suspend_and_resume(cron: Cron) -> None:
    """Without a name all queues are meant; `winch info` says so."""
    store = cron.connection
    Queue("mail", store).enqueue("shop.send")
    assert run("suspend").stdout == "Suspended all queues until `winch resume`.\n"
    assert store.paused() == {"*": 0}
    assert "(paused)" in run("info").stdout
    assert run("resume").stdout == "Resumed all queues.\n"
    assert store.paused() == {}
    assert "(paused)" not in run("info").stdout


def test_suspend_some(cron: Cron) -> None:
    """With names those are meant; what is left paused is told."""
    store = cron.connection
    assert run("suspend", "--duration", "1h", "mail", "late").stdout == "Suspended mail, late for 3600 s.\n"
    assert all(end > store.now() + 3_500_000 for end in store.paused().values())
    assert "still paused by themselves: late, mail" in run("resume").stderr
    run("suspend")
    assert "all queues are suspended" in run("resume", "mail", "late").stderr
    assert store.paused() == {"*": 0}


@pytest.mark.parametrize("words", [("--duration", "0"), ("--duration", "soon"), ("no queue",)])
def test_what_cannot_be_suspended(words: tuple[str, ...]) -> None:
    """No time and no name of a queue are refused."""
    run("suspend", *words, code=2)
