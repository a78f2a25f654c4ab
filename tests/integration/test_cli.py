"""The commands as users call them: real processes on real stores."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from redis import Redis

from tests.integration.conftest import children, eventually
from winch import Job
from winch.stores import open_store

pytestmark = pytest.mark.integration

JOBS = """
import time
from pathlib import Path

def add(a, b=0):
    return a + b

def show(*args, **kwargs):
    return [list(args), kwargs]

def wait(path):
    while not Path(path).exists():
        time.sleep(0.01)
"""

Winch = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a small application."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    (folder / "shop.py").write_text(JOBS)
    return folder


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would lead winch elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WINCH_", "REDIS_"))}
    return {**kept, **more}


@pytest.fixture
def winch(project: Path) -> Winch:
    """Runs a command in the application's folder."""

    def run(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "winch", *words],
            cwd=project,
            env=environment(**env),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Returns once the condition holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.02)


# ---- the program ----------------------------------------------------------------------------------------------------


def test_version(winch: Winch) -> None:
    """`--version` tells the version, through both entrances."""
    script = subprocess.run(
        [Path(sys.executable).with_name("winch"), "--version"], capture_output=True, text=True, timeout=20, check=True
    )
    assert script.stdout.startswith("winch, version 0.")
    assert winch("--version").stdout == script.stdout


def test_the_module_of_config_may_stand_in_the_working_directory(project: Path) -> None:
    """Also for the script `winch`, on whose path the working directory is not by itself."""
    (project / "settings.py").write_text('WINCH = {"worker": {"queues": ["high"]}}')
    words = [Path(sys.executable).with_name("winch"), "--config", "settings", "worker", "--burst"]
    ran = subprocess.run(words, cwd=project, env=environment(), capture_output=True, text=True, timeout=50, check=False)
    assert (ran.returncode, "queues high" in ran.stderr) == (0, True), ran.stderr


def test_help_is_light() -> None:
    """Neither help nor version loads what only some commands need."""
    code = (
        "import sys; from winch.cli import main; main(['--help'], standalone_mode=False);"
        "print({'rich', 'redis', 'sqlite3', 'asyncio'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert run.stdout.endswith("set()\n")
    assert re.search(r"^  worker +Run jobs\.$", run.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        ("wroker",),
        ("worker", "--processes", "0"),
        ("worker", "--processes", "1000000"),
        ("worker", "--max-memory", "much"),
        ("enqueue",),
        ("enqueue", "shop.add", ":{"),
        ("enqueue", "shop.add", "--schedule-in", "soon"),
        ("enqueue", "shop.add", "--schedule-in", "1", "--schedule-at", "2030-01-01"),
        ("info", "--only-queues", "--only-workers"),
        ("info", "--interval", "0"),
        ("info", "--interval", "1e300"),
        ("list", "--limit", "99999999999999999999"),
        ("list", "--newer-than", "-1"),
        ("worker", "--max-idle-time", "-1"),
        ("enqueue", "shop.add", "--schedule-in", "-5"),
        ("enqueue", "shop.add", "--retry-interval", "5"),
        ("enqueue", "shop.add", "--retry-interval", "5", "--retry-max", "0"),
        ("enqueue", "add"),
        ("enqueue", "shop.add", "-q", "bad name"),
        ("enqueue", "shop.add", "--job-id", "not an id"),
        ("enqueue", "shop.add", "--timeout", "0"),
        ("worker", "bad name"),
        ("worker", "--path", "/nope"),
        ("worker", "--grace", "-5"),
        ("info", "bad name"),
    ],
)
def test_usage_errors(winch: Winch, words: tuple[str, ...]) -> None:
    """What cannot be understood is exit code 2, without a traceback."""
    run = winch(*words)
    assert run.returncode == 2
    assert "Error:" in run.stderr
    assert "Traceback" not in run.stderr


def written_to(stdout: IO[bytes] | int, project: Path, words: str, *flags: str) -> tuple[int, list[str]]:
    """Run winch with its answer going there. The exit code, and what it says on stderr beside which store it uses."""
    run = subprocess.run(
        [sys.executable, *flags, "-m", "winch", *words.split()],
        cwd=project,
        env=environment(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=50,
        check=False,
    )
    return run.returncode, [line for line in run.stderr.splitlines() if not line.startswith("store: ")]


@pytest.mark.parametrize("words", ["--help", "--version", "list", "list --json", "info", "job j", "enqueue shop.add"])
@pytest.mark.parametrize("buffered", [True, False])
def test_an_answer_that_cannot_be_written(winch: Winch, project: Path, words: str, buffered: bool) -> None:
    """To a full disk: one line tells it, after the store's own, and the exit code is 1."""
    assert winch("enqueue", "shop.add", "--job-id", "j").returncode == 0
    with Path("/dev/full").open("wb") as full:
        code, told = written_to(full, project, words, *([] if buffered else ["-u"]))
    assert (code, told) == (1, ["Error: the answer could not be written: No space left on device"])


@pytest.mark.parametrize("words", ["list --json", "list", "--help"])
def test_a_reader_that_has_left(winch: Winch, project: Path, words: str) -> None:
    """As `head` does: nothing is said of it."""
    assert winch("enqueue", "shop.add").returncode == 0
    reader, writer = os.pipe()
    os.close(reader)
    _, told = written_to(writer, project, words)
    os.close(writer)
    assert told == []


@pytest.mark.parametrize("words", [("info",), ("enqueue", "shop.add", "1"), ("worker", "--burst")])
def test_malformed_url(winch: Winch, words: tuple[str, ...]) -> None:
    """A URL that is none: the first line says so, those below list what there is, and the exit code is 2."""
    run = winch(*words, "--url", "htp://localhost")
    assert run.returncode == 2
    assert run.stderr.startswith("Error: htp://localhost: there is no htp:// store")
    assert "redis://localhost" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("words", [("worker", "bad name"), ("info", "default", "bad name")])
def test_no_name_of_a_queue(winch: Winch, project: Path, words: tuple[str, ...]) -> None:
    """A name that no queue can have is refused as by `Queue`, in one line, and no store is made."""
    run = winch(*words)
    assert run.stderr.startswith("Error: 'bad name' is no queue name: ")
    assert len(run.stderr.splitlines()) == 1
    assert not (project / ".winch").exists()


def test_no_such_folder(winch: Winch) -> None:
    """A folder that is not there is refused in one line, wherever it was named."""
    by_flag, by_environment = winch("worker", "--path", "/nope"), winch("worker", WINCH_PATH="/nope")
    assert by_flag.stderr == by_environment.stderr
    assert by_flag.stderr.startswith("Error: no such folder: /nope ")
    assert by_environment.returncode == 2


def test_pid_file_that_cannot_be_written(winch: Winch, project: Path) -> None:
    """The worker does not start, and one line tells why."""
    run = winch("worker", "--burst", "--pid", "/nope/x")
    assert run.returncode == 1
    assert run.stderr.splitlines()[1:] == ["Error: cannot write the pid file /nope/x: No such file or directory"]
    assert not (project / ".winch").exists()


@pytest.mark.parametrize("words", [("info",), ("enqueue", "shop.add", "1")])
def test_store_that_does_not_answer(winch: Winch, words: tuple[str, ...]) -> None:
    """A store that does not answer is named, without its password, and it takes no longer than the deadline."""
    began = time.monotonic()
    run = winch(*words, "--url", "redis://:s3cret@127.0.0.1:1/0", WINCH_DEADLINE="1")
    assert run.returncode == 1
    assert "127.0.0.1:1" in run.stderr
    assert "s3cret" not in run.stderr + run.stdout
    assert "Traceback" not in run.stderr
    assert time.monotonic() - began < 10


# ---- from enqueue to result -----------------------------------------------------------------------------------------


def test_enqueue_work_info(winch: Winch, store_url: str) -> None:
    """A job goes in by `enqueue`, is run by `worker` and seen by `info`."""
    enqueued = winch("enqueue", "shop.add", ":2", "b:=3", "--job-id", "sum", "--url", store_url)
    assert enqueued.returncode == 0, enqueued.stderr
    assert enqueued.stdout == "Enqueued shop.add(2, b=3) with job-id 'sum'.\n"
    assert enqueued.stderr.startswith("store: ")
    assert "(--url)" in enqueued.stderr
    assert "default      |█ 1, 0 executing, 0 finished, 0 failed" in winch("info", "--url", store_url).stdout
    worked = winch("worker", "--burst", "--url", store_url)
    assert worked.returncode == 0, worked.stderr
    shown = winch("info", "--url", store_url)
    assert shown.returncode == 0
    assert shown.stdout.startswith("store: ")
    assert "default      | 0, 0 executing, 1 finished, 0 failed" in shown.stdout
    store = open_store(store_url)
    assert Job.fetch("sum", connection=store).return_value() == 5
    store.close()


def test_arguments_arrive(winch: Winch, store_url: str) -> None:
    """All ways to write an argument reach the function."""
    winch("enqueue", "shop.show", "a", ":[1]", "%(2,)", "x=1", "y:=1", "z%=None", "--job-id", "j", "--url", store_url)
    winch("worker", "--burst", "--url", store_url)
    store = open_store(store_url)
    found = Job.fetch("j", connection=store).return_value()
    store.close()
    assert found == [["a", [1], (2,)], {"x": "1", "y": 1, "z": None}]


def test_options_of_enqueue(winch: Winch, store_url: str) -> None:
    """The options of `enqueue` are those of the library."""
    options = ["--timeout", "5m", "--result-ttl", "1h", "--failure-ttl", "-1", "--ttl", "1d", "--priority", "7"]
    options += ["--retry-max", "3", "--retry-interval", "1", "--retry-interval", "10", "--description", "words"]
    assert (
        winch("enqueue", "shop.add", ":1", "--job-id", "j", "-q", "high", *options, "--url", store_url).returncode == 0
    )
    later = ("enqueue", "shop.add", ":1", "--url", store_url, "--quiet")
    assert winch(*later, "--job-id", "in", "--schedule-in", "1h").stdout == ""
    assert winch(*later, "--job-id", "at", "--schedule-at", "2999-01-01T00:00").returncode == 0
    assert winch(*later, "--job-id", "after", "--depends-on", "j").returncode == 0
    store = open_store(store_url)
    record, soon, at, after = store.get(["j", "in", "at", "after"])
    store.close()
    assert record is not None
    assert (record.queue, record.priority, record.ttl) == ("high", 7, 86_400_000)
    assert (record.result_ttl, record.failure_ttl) == (3_600_000, -1)
    states = [found.state.value for found in (soon, at, after) if found is not None]
    assert states == ["scheduled", "scheduled", "deferred"]


def test_refused_enqueue(winch: Winch) -> None:
    """What the store refuses is one clear line and exit code 1."""
    run = winch("enqueue", "shop.add", "--depends-on", "nobody", "--quiet")
    assert run.returncode == 1
    assert run.stderr.startswith("Error: ")
    assert "nobody" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_number_is_text(winch: Winch) -> None:
    """An argument that was probably meant as a number: a note shows how to write it."""
    assert "write ':1'" in winch("enqueue", "shop.add", "1").stderr
    assert "write" not in winch("enqueue", "shop.add", ":1").stderr


# ---- which store ----------------------------------------------------------------------------------------------------


def test_the_projects_store(winch: Winch, project: Path) -> None:
    """Without configuration the store is in the project's folder, and the line says so."""
    run = winch("enqueue", "shop.add", ":1")
    assert f"store: sqlite:///{project}/.winch/jobs.db (from the project folder)\n" in run.stderr
    assert (project / ".winch" / "jobs.db").exists()


def test_the_store_of_a_plain_folder(winch: Winch, project: Path) -> None:
    """A folder that nothing marks as a project is called the current folder, before and after the store is made."""
    (project / "pyproject.toml").unlink()
    for _ in range(2):
        run = winch("enqueue", "shop.add", ":1")
        assert f"store: sqlite:///{project}/.winch/jobs.db (from the current folder)\n" in run.stderr


def test_store_from_the_environment(winch: Winch, project: Path) -> None:
    """`WINCH_URL` names the store, `--url` goes before it, and the line says which it was."""
    run = winch("enqueue", "shop.add", ":1", WINCH_URL="sqlite:///env.db")
    assert f"store: sqlite:///{project}/env.db (WINCH_URL)" in run.stderr
    run = winch("enqueue", "shop.add", ":1", "--url", "sqlite:///flag.db", WINCH_URL="sqlite:///env.db")
    assert f"store: sqlite:///{project}/flag.db (--url)" in run.stderr


def test_info_makes_no_store(winch: Winch, project: Path) -> None:
    """`info` where there is no store is exit code 2, and none is made."""
    before = sorted(project.rglob("*"))
    run = winch("info")
    assert run.returncode == 2
    assert "jobs.db" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert sorted(project.rglob("*")) == before


@pytest.mark.redis
def test_info_makes_no_store_on_redis(winch: Winch, redis_url: str) -> None:
    """The same on Redis: not a key is written."""
    run = winch("info", "--url", redis_url)
    assert run.returncode == 2, run.stdout + run.stderr
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_worker_warns_of_redis_url(winch: Winch) -> None:
    """REDIS_URL without WINCH_URL: the worker says that it does not read it."""
    assert "REDIS_URL" in winch("worker", "--burst", REDIS_URL="redis://localhost/0").stderr
    assert "REDIS_URL" not in winch("worker", "--burst", REDIS_URL="x", WINCH_URL="sqlite:///jobs.db").stderr
    assert "REDIS_URL" not in winch("worker", "--burst", "--url", "sqlite:///jobs.db", REDIS_URL="x").stderr


# ---- looking --------------------------------------------------------------------------------------------------------


def test_info_for_programs(winch: Winch, store_url: str) -> None:
    """`--json` is JSON and `--raw` is lines, on stdout alone."""
    winch("enqueue", "shop.add", ":1", "--url", store_url)
    winch("enqueue", "shop.add", ":1", "-q", "low", "--url", store_url)
    data = json.loads(winch("info", "--json", "--url", store_url).stdout)
    assert [(queue["name"], queue["queued"]) for queue in data["queues"]] == [("default", 1), ("low", 1)]
    raw = winch("info", "low", "--raw", "--url", store_url)
    assert raw.stdout.splitlines() == [
        "queue low 1, 0 executing, 0 finished, 0 failed, 0 scheduled, 0 deferred, 0 blocked, 0 canceled, 0 stopped"
    ]
    assert raw.stderr.startswith("store: ")


def test_info_again_and_again(project: Path, winch: Winch) -> None:
    """`--interval` looks until it is interrupted, and that is no error."""
    winch("enqueue", "shop.add", ":1")
    command = [sys.executable, "-m", "winch", "info", "--json", "--interval", "0.1"]
    with subprocess.Popen(command, cwd=project, env=environment(), stdout=subprocess.PIPE, text=True) as info:
        assert info.stdout is not None
        looks = [json.loads(info.stdout.readline()) for _ in range(3)]
        info.send_signal(signal.SIGINT)
        assert info.wait(10) == 0
    assert looks[0]["now"] < looks[2]["now"]


def test_a_worker_at_work(project: Path, winch: Winch, store_url: str, tmp_path: Path) -> None:
    """`info` shows a worker with host and pid, its state and its job; `--pid` holds its process id while it lives."""
    flag, pid = tmp_path / "go", tmp_path / "worker.pid"
    winch("enqueue", "shop.wait", str(flag), "--job-id", "slow", "--url", store_url)
    command = [sys.executable, "-m", "winch", "worker", "default", "low", "--name", "w1", "--burst"]
    command += ["--pid", str(pid), "--url", store_url]
    with subprocess.Popen(command, cwd=project, env=environment(), stderr=subprocess.DEVNULL) as worker:
        wait_for(lambda: "1 executing" in winch("info", "--url", store_url).stdout, "job that runs")
        wait_for(lambda: "shop.wait slow for" in winch("info", "--url", store_url).stdout, "current job")
        shown = winch("info", "--url", store_url).stdout
        by_queue = winch("info", "--by-queue", "--url", store_url).stdout
        data = json.loads(winch("info", "--json", "--url", store_url).stdout)
        assert int(pid.read_text()) == worker.pid
        flag.touch()
        assert worker.wait(30) == 0
    assert f" {worker.pid}): busy default, low. jobs: 0 finished, 0 failed" in shown
    assert "default: w1 (busy)" in by_queue
    assert data["workers"][0]["jobs"][0]["function"] == "shop.wait"
    assert not pid.exists()


def test_a_killed_worker(project: Path, winch: Winch, store_url: str, tmp_path: Path) -> None:
    """`info` shows a worker of this host as dead as soon as its process is gone, long before its ttl is over."""
    winch("enqueue", "shop.wait", str(tmp_path / "go"), "--url", store_url)
    command = [sys.executable, "-m", "winch", "worker", "--name", "w1", "--url", store_url]
    with subprocess.Popen(command, cwd=project, env=environment(), stderr=subprocess.DEVNULL) as worker:
        try:
            wait_for(lambda: ": busy default" in winch("info", "--url", store_url).stdout, "busy worker")
        finally:
            worker.kill()
    shown = winch("info", "--url", store_url).stdout
    assert f" {worker.pid}): dead (its process is gone) default." in shown
    assert json.loads(winch("info", "--json", "--url", store_url).stdout)["workers"][0]["state"] == "dead"


@pytest.mark.redis
def test_info_writes_nothing(winch: Winch, redis_url: str) -> None:
    """Looking changes no key, in whatever form."""
    winch("enqueue", "shop.add", ":1", "--url", redis_url)
    winch("worker", "--burst", "--url", redis_url)
    with Redis.from_url(redis_url) as client:

        def contents() -> dict[bytes, bytes | None]:
            return {key: client.dump(key) for key in sorted(client.scan_iter())}

        before = contents()
        for flags in ((), ("--raw",), ("--json",), ("--by-queue",), ("--only-queues",), ("--only-workers",)):
            assert winch("info", *flags, "--url", redis_url).returncode == 0
        assert contents() == before


# ---- workers --------------------------------------------------------------------------------------------------------


@pytest.fixture
def worker_at(project: Path, store_url: str) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts `winch worker` in the application's folder, and kills what is left at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "winch", "worker", "--url", store_url, *words]
        process = subprocess.Popen(command, cwd=project, env=environment(), stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_workers_are_steered(winch: Winch, store_url: str, worker_at: Callable[..., "subprocess.Popen[str]"]) -> None:
    """list, quiet, resume, restart and stop: by name, by --all, with an answer, and the process ends with 0."""
    process = worker_at("--name", "w1")

    def listed() -> list[dict[str, object]]:
        shown = winch("workers", "--json", "--url", store_url)
        return [json.loads(line) for line in shown.stdout.splitlines()]

    open_store(store_url).open()
    wait_for(lambda: any(each["executors"] for each in listed()), "worker")
    quiet = winch("workers", "--url", store_url, "quiet", "w1", "--wait", "30s")
    assert (quiet.returncode, quiet.stdout.strip().endswith(f"{process.pid}): quiet done")) == (0, True)
    assert [(each["name"], each["state"], each["quiet"], each["pending"]) for each in listed()] == [
        ("w1", "suspended", True, [])
    ]
    assert winch("workers", "--url", store_url, "resume", "--all", "--wait", "30s").returncode == 0
    assert winch("workers", "--url", store_url, "restart", str(listed()[0]["id"]), "--wait", "30s").returncode == 0
    assert "w1" in winch("workers", "--url", store_url, "list").stdout
    process.send_signal(signal.SIGSTOP)
    sent = winch("workers", "--url", store_url, "stop", "w1", "--wait", "0.2")
    assert (sent.returncode, "1 of 1 have not answered yet" in sent.stderr) == (1, True)
    assert ", told to shutdown. default." in winch("workers", "--url", store_url).stdout
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == 0
    assert winch("workers", "--url", store_url).stdout == "0 workers\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("stop",), 2, "Name workers, or say --all."),
        (("stop", "w", "--all"), 2, "Name workers, or say --all."),
        (("quiet", "nobody"), 1, "knows no worker 'nobody'; workers there: none"),
        (("stop", "--all"), 0, ""),
    ],
)
def test_steering_nobody(winch: Winch, store_url: str, words: tuple[str, ...], code: int, told: str) -> None:
    """Nobody named, too many ways to name, and somebody who is not there."""
    open_store(store_url).open()
    run = winch("workers", "--url", store_url, *words)
    assert run.returncode == code
    assert told in run.stderr


IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "winch", "worker"])
"""


def test_a_worker_whose_terminal_is_closed_stops(project: Path) -> None:
    """A SIGHUP of somebody's renews its executors; that of the terminal stops it: jobs that print would fail."""
    ours, its = os.openpty()
    worker = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL],
        cwd=project,
        env=environment(),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        [before] = eventually(lambda: children(worker.pid))
        worker.send_signal(signal.SIGHUP)
        eventually(lambda: children(worker.pid) not in ([], [before]) and before not in children(worker.pid))
        os.close(ours)
        assert worker.wait(20) in (0, 120)  # 120 is Python's own: what was logged last could not be written
    finally:
        worker.kill()


def test_a_command_line_of_rq(winch: Winch, store_url: str, project: Path) -> None:
    """The flags of `rq worker` and `rq worker-pool` are taken: they work, or have nothing to do."""
    rq = "-b --logging_level warning --log-format %(message)s --date-format %H -n w --results-ttl 500 --worker-ttl 420"
    rq += " --maintenance-interval 600 --job-monitoring-interval 30 --disable-job-desc-logging -q --max-jobs 5"
    rq += " --exception-handler shop.add -d --max-idle-time 9 -s -ds round_robin -P . high low"
    assert winch("enqueue", "shop.add", ":1", "--job-id", "j", "-q", "low", "--url", store_url).returncode == 0
    run = winch("worker", "--url", store_url, *rq.split(" "))
    assert (run.returncode, [line for line in run.stderr.splitlines() if not line.startswith("store: ")]) == (0, [])
    pool = winch("worker-pool", "--url", store_url, "-b", "-n", "2", "--logging-level", "INFO", "-v", "high", "low")
    assert pool.returncode == 0
    store = open_store(store_url)
    assert Job.fetch("j", connection=store).is_finished
    store.close()


def test_weights_on_the_command_line(winch: Winch, store_url: str) -> None:
    """`high=3 low=1` are queues with weights; what is no weight is exit code 2."""
    assert winch("worker", "--url", store_url, "--burst", "high=3", "low").returncode == 0
    for words in (("high=x",), ("high=0",), ("high=3", "low", "--order", "random")):
        run = winch("worker", "--url", store_url, "--burst", *words)
        assert (run.returncode, "weight" in run.stderr) == (2, True)
