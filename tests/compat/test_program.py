"""A small program as RQ's users write it: one line switches it, and its worker is started by RQ's command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.compat.side import REAL
from winch.compat.rq.configuring import take_options, url_of

pytestmark = pytest.mark.skipif(REAL, reason="about the switch to winch")

TASKS = """
from rq import get_current_job


def count_words(text):
    job = get_current_job()
    job.meta["words"] = len(text.split())
    job.save_meta()
    return job.meta["words"]


class Mailer:
    def __init__(self, sender):
        self.sender = sender

    def send(self, to):
        return f"{self.sender} -> {to}"
"""

PROGRAM = """
import winch.compat.rq; winch.compat.rq.install()

import os
from rq import Queue, Retry
from rq.job import Job
from tasks import Mailer, count_words

queue = Queue("words", connection=os.environ["STORE"])
jobs = [queue.enqueue(count_words, "a b c", retry=Retry(max=3)), queue.enqueue(Mailer("me").send, "you")]
print(*(job.latest_result(timeout=40).return_value for job in jobs), sep="\\n")
print(Job.fetch(jobs[0].id, connection=os.environ["STORE"]).meta)
"""

CRON = """
from rq.cron import register
from tasks import count_words

register(count_words, queue_name="words", args=("a b",), interval=3600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The program's."""
    for name, text in {"tasks.py": TASKS, "program.py": PROGRAM, "cron_config.py": CRON}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def start(folder: Path, url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start Python in the folder."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "STORE": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_program(folder: Path, store_url: str) -> None:
    """The program's functions import rq, its worker has RQ's flags, and its results come back."""
    url = store_url
    worker = start(folder, url, "-m", "winch.compat.rq", "worker", "words", "--with-scheduler", "-u", url)
    program = start(folder, url, "program.py")
    out, err = program.communicate(timeout=50)
    worker.send_signal(signal.SIGTERM)
    _, log = worker.communicate(timeout=30)
    assert out.splitlines() == ["3", "me -> you", "{'words': 3}"], err + log


def test_cron(folder: Path, store_url: str) -> None:
    """`cron CONFIG` writes what the file registers, and enqueues what is due."""
    scheduler = start(folder, store_url, "-m", "winch.compat.rq", "cron", "cron_config.py", "-u", store_url)
    until = time.monotonic() + 40
    while '"name": "tasks.count_words"' not in (listed := table(folder, store_url)):
        assert time.monotonic() < until, listed
    scheduler.send_signal(signal.SIGTERM)
    _, err = scheduler.communicate(timeout=30)
    assert scheduler.returncode == 0, err
    worker = start(folder, store_url, "-m", "winch.compat.rq", "worker", "words", "--burst", "-u", store_url)
    _, log = worker.communicate(timeout=40)
    assert "count_words finished" in log


def table(folder: Path, url: str) -> str:
    """The cron table."""
    return start(folder, url, "-m", "winch.compat.rq", "cron", "list", "--json", "-u", url).communicate(timeout=40)[0]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("cron", "nowhere.py"), 2, "Configuration file not found at 'nowhere.py'"),
        (("cron", "nowhere"), 2, "No module named 'nowhere'"),
        (("cron", "cron_config.py", "-u", "nothing"), 2, "'nothing' is not the address of a store"),
        (("cron", "cron_config.py", "-u", "sqlite:///tasks.py"), 1, "the file is no SQLite database"),
        (("info", "-c", "nowhere"), 2, "No module named 'nowhere'"),
    ],
)
def test_what_cannot_be_used_is_told(folder: Path, words: tuple[str, ...], code: int, told: str) -> None:
    """In a line, without a traceback, as by `winch`."""
    ran = start(folder, "", "-m", "winch.compat.rq", *words)
    _, err = ran.communicate(timeout=40)
    assert (ran.returncode, "Traceback" in err) == (code, False), err
    assert told in err


def test_options_of_rq() -> None:
    """What chooses a class is taken out, and a module or variables say where Redis is."""
    given = take_options(["worker", "-w", "rq.SimpleWorker", "high", "--serializer=json", "-c", "settings", "--burst"])
    assert given == (["worker", "high", "--burst"], ["-w", "--serializer"], "settings")
    assert url_of({"REDIS_URL": "redis://a/1"}) == "redis://a/1"
    assert url_of({"REDIS_HOST": "a", "REDIS_PASSWORD": "x/y", "REDIS_DB": 2}) == "redis://:x%2Fy@a:6379/2"
    assert url_of({}) is None


def test_install_comes_too_late(folder: Path) -> None:
    """If something named rq has been imported already, that is said."""
    (folder / "rq.py").write_text("")
    late = "import sys; sys.path.insert(0, '.'); import rq, winch.compat.rq; winch.compat.rq.install()"
    _, err = start(folder, "", "-c", late).communicate(timeout=40)
    assert "before the first import" in err
