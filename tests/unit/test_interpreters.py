"""Processes that were started ahead: they wait for a brief, and leave nothing behind if none comes."""

import os
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import children
from winch.errors import InvalidOption, StoreUnavailable
from winch.worker import WorkerSettings
from winch.worker.interpreters import Interpreter, Interpreters
from winch.worker.starting import start


def end(interpreter: Interpreter) -> None:
    """What a supervisor does with an executor in the end."""
    interpreter.popen.kill()
    interpreter.popen.wait()
    interpreter.channel.close()
    interpreter.vitals.close()


def test_there_are_never_too_many() -> None:
    """One more is started only while fewer than asked for wait; the one that has waited longest goes first."""
    with Interpreters(WorkerSettings()) as interpreters:
        for _ in range(3):
            interpreters.start(2)
        first, second = interpreters.pids()
        taken = interpreters.take()
        assert (taken.popen.pid, interpreters.pids()) == (first, [second])
        end(taken)


def test_none_is_left_behind() -> None:
    """Those that still wait are ended, and reaped."""
    with Interpreters(WorkerSettings()) as interpreters:
        interpreters.start(1)
        (pid,) = interpreters.pids()
    assert not interpreters.pids()
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_one_is_started_when_none_waits() -> None:
    """The system may have refused it before: it is asked again."""
    with Interpreters(WorkerSettings()) as interpreters:
        taken = interpreters.take()
        assert taken.popen.poll() is None
        end(taken)


def test_without_a_supervisor_it_leaves_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    """The line ends before a brief has come, as when the supervisor is killed: no error, no word."""
    with Interpreters(WorkerSettings()) as interpreters:
        popen, channel, vitals = interpreters.take()
        channel.close()
        assert popen.wait(timeout=20) == 0
        vitals.close()
    assert capfd.readouterr().err == ""


def test_what_the_system_refuses_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No process can be started: that is told to whoever needs one, not to whoever prepares."""
    with Interpreters(WorkerSettings()) as interpreters:
        monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
        interpreters.start(1)
        assert not interpreters.pids()
        with pytest.raises(FileNotFoundError):
            interpreters.take()


@pytest.mark.parametrize(("url", "error"), [("sqlite://", InvalidOption), ("redis://127.0.0.1:1/0", StoreUnavailable)])
def test_a_store_that_refuses_leaves_no_process(url: str, error: type[Exception]) -> None:
    """The worker does not start: neither does what was started ahead go on."""
    before = children(os.getpid())
    with pytest.raises(error):
        start(WorkerSettings(url=url, processes=2))
    assert children(os.getpid()) == before
