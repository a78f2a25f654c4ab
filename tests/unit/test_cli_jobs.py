"""The commands that list and change jobs, and the settings behind their options."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from tests.commands import run
from tests.contract.helpers import lane, outcome
from winch import codec
from winch.cli import COMMANDS, main
from winch.queue import Queue
from winch.stores import open_store

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def queue(project: Path) -> Queue:
    """A queue with one failed and two queued jobs."""
    store = open_store(f"sqlite:///{project}/.winch/jobs.db")
    queue = Queue("mail", store)
    queue.enqueue("shop.send", "ada", job_id="one")
    executor = lane(store)
    [claim] = executor.claim(1, "mail")
    executor.turn(outcome(claim, "failed", reason="raised"), queues=[])
    queue.enqueue("shop.send", "bob", job_id="two")
    queue.enqueue("shop.report", 2027, job_id="three")
    return queue


@pytest.mark.usefixtures("queue")
def test_jobs_are_listed() -> None:
    """As a table for people, and as one JSON object a line; filters narrow it down."""
    page = run("list").stdout
    assert [line.split()[0] for line in page.splitlines()] == ["id", "three", "two", "one"]
    assert "failed: raised" in page
    assert "shop.report(2027)" in page
    lines = run("list", "--json", "--function", "shop.send", "--oldest").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["two", "one"]
    assert json.loads(lines[1])["attempts"][0]["outcome"] == "failed"
    assert "see --limit" in run("list", "--limit", "1").stderr


@pytest.mark.usefixtures("queue")
def test_a_job_is_shown() -> None:
    """Its call, state, place and history; `--json` has the same as data. An unknown one is exit code 1."""
    page = run("job", "two").stdout
    assert "shop.send('bob')" in page
    assert "mail, place 0" in page
    assert "attempt 1: failed (raised)" in run("job", "one").stdout
    data = json.loads(run("job", "one", "--json").stdout)
    assert (data["id"], data["state"], data["reason"], data["result"]) == ("one", "failed", "raised", None)
    assert "knows no job" in run("job", "nobody", code=1).output


def test_what_a_job_says_does_not_talk_to_the_terminal(queue: Queue) -> None:
    """Its description stays on its line; of its error only the ends of lines stay as they are."""
    queue.enqueue("shop.send", job_id="loud", description="a\nb\x1b[31mc", at_front=True)
    executor = lane(queue.connection)
    [claim] = executor.claim(1, "mail")
    error = codec.dumps_error("a.E", ["a.E"], "no\x1b[31m\nmore", "Traceback\n  E: no\x1b[31m\nmore")
    executor.turn(outcome(claim, "failed", reason="raised", detail=error), queues=[])
    assert r"a\nb\x1b[31mc" in run("list").stdout
    page = run("job", "loud").stdout
    assert r"a\nb\x1b[31mc" in page
    assert page.count("no\\x1b[31m\nmore") == 2


def test_jobs_are_requeued(queue: Queue) -> None:
    """By id or by what is chosen. A dry run changes nothing; what cannot be done is told with exit code 1."""
    assert "1 job would be requeued" in run("requeue", "--all", "--dry-run").stdout
    assert queue.count == 2
    assert json.loads(run("requeue", "--queue", "mail", "--all", "--json").stdout) == {"requeued": ["one"]}
    assert queue.count == 3
    refused = run("requeue", "one", "nobody", code=1)
    assert "one: " in refused.stderr
    assert "nobody: " in refused.stderr


def test_nothing_is_changed_unless_something_is_chosen(queue: Queue) -> None:
    """A change of everything has to be asked for: a queue alone is not enough."""
    for name in ("requeue", "cancel", "delete"):
        assert "--all" in run(name, code=2).output
        assert "--all" in run(name, "--queue", "mail", code=2).output
    assert queue.count == 2


def test_jobs_are_canceled_deleted_emptied_and_pruned(queue: Queue) -> None:
    """Each tells how many jobs there were."""
    assert "1 job canceled." in run("cancel", "--function", "shop.report").stdout
    assert run("empty", "mail").stdout == "1 jobs removed from mail queue\n"
    assert run("empty", "--all", "--json").stdout == '{"mail": 0}\n'
    assert "0 jobs deleted." in run("prune", "--older-than", "1h").stdout
    assert "older=-1: give 0 seconds or more" in run("prune", "--older-than", "-1", code=2).output
    assert "2 jobs deleted." in run("prune", "--older-than", "0").stdout
    run("empty", code=2)
    queue.enqueue("shop.send", job_id="four")
    assert "1 job deleted." in run("delete", "four").stdout
    assert queue.count == 0


def test_no_store_is_made(project: Path) -> None:
    """Looking for jobs where there are none leaves no file behind: exit code 2."""
    for words in (["list"], ["job", "x"], ["requeue", "--all"], ["empty", "--all"], ["prune", "--older-than", "1d"]):
        assert "nothing was enqueued there" in run(*words, code=2).output
    assert not (project / ".winch").exists()


@pytest.mark.usefixtures("queue")
def test_options_come_from_files_a_module_and_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags beat variables, these a module, that winch.toml, and that pyproject.toml."""

    def shown(*words: str) -> int:
        return run(*words, "list").stdout.count("shop.")

    (project / "pyproject.toml").write_text("[tool.winch.list]\nlimit = 1\n")
    assert shown() == 1
    (project / "winch.toml").write_text('[list]\nlimit = 2\nfunction = "shop.send"\n')
    assert shown() == 2
    (project / "settings.py").write_text('WINCH = {"list": {"limit": 1}}\n')
    monkeypatch.setenv("WINCH_CONFIG", "settings")
    assert shown() == 1
    monkeypatch.setenv("WINCH_LIST_LIMIT", "2")
    assert shown() == 2
    assert run("list", "--limit", "0", "--function", "*").stdout.count("shop.") == 3


def test_an_unknown_option_in_a_file_is_told(project: Path) -> None:
    """With the nearest that there is."""
    (project / "winch.toml").write_text("[worker]\nprocesess = 2\n")
    assert "did you mean 'processes'" in run("worker", code=2).output
    (project / "winch.toml").write_text("")
    assert "WINCH_CONFIG=nowhere" in run("--config", "nowhere", "list", code=2).output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("processes = [1, 2]", "processes of `winch worker` takes one value, not [1, 2]"),
        ("processes = { a = 1 }", "processes of `winch worker` takes one value, not {'a': 1}"),
        ("processes = 2.5", "'2.5' is not a valid integer"),
        ("allow = 3\nburst = 'maybe'", "'maybe' is not a valid boolean"),
    ],
)
def test_a_value_in_a_file_that_does_not_fit_is_told(project: Path, text: str, told: str) -> None:
    """As if it had been typed: none is cut or taken apart, and none ends in a traceback."""
    (project / "winch.toml").write_text(f"[worker]\n{text}\n")
    assert told in run("worker", code=2).output


@pytest.mark.usefixtures("queue")
def test_one_value_in_a_file_for_what_may_be_repeated(project: Path) -> None:
    """It need not be a list."""
    assert {"queued", "failed"} <= set(run("list").stdout.replace(":", " ").split())
    (project / "winch.toml").write_text('[list]\nstate = "failed"\n')
    assert "queued" not in run("list").stdout.split()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", "[tool.winch.workre]\nprocesses = 2\n"),
        ("winch.toml", "[workre]\nprocesses = 2\n"),
        ("unusual.py", 'WINCH = {"workre": {}}\n'),
    ],
)
def test_an_unknown_table_in_a_file_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    """By every command, whichever it is meant for: with the nearest that there is."""
    (project / file).write_text(text)
    if file == "unusual.py":
        monkeypatch.setenv("WINCH_CONFIG", "unusual")
    for command in ("list", "worker"):
        output = run(command, code=2).output
        assert "has an unknown table 'workre': did you mean 'worker'?" in output
        assert file.removesuffix(".py") in output


@pytest.mark.parametrize(
    ("words", "number"),
    [("shop.send -1", "-1"), ("shop.send -2.5 -1", "-2.5"), ("--priority -3 shop.send -4 --unique", "-4")],
)
def test_a_negative_number_is_told_apart_from_an_option(queue: Queue, words: str, number: str) -> None:
    """The error says how to write it as a number and as text, and both work; other unknown options are told as ever."""
    told = f"{number} is read as an option. Write :{number} for the number, or -- before"
    assert told in run("enqueue", *words.split(), code=2).output
    assert "No such option '-x'" in run("enqueue", "shop.send", "-x", "-1", code=2).output
    run("enqueue", "-q", "mail", "shop.send", f":{number}", "--job-id", "number")
    run("enqueue", "-q", "mail", "--job-id", "text", "shop.send", "--", number)
    number_sent, text_sent = (queue.fetch_job(job_id) for job_id in ("number", "text"))
    assert number_sent is not None
    assert text_sent is not None
    assert (number_sent.args, text_sent.args) == ((float(number),), (number,))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_completed(shell: str) -> None:
    """The script that click makes names winch's variable."""
    assert "_WINCH_COMPLETE" in run("completion", shell).stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    """`--help` begins with a sentence."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert (command.help or "").strip().endswith(".")
