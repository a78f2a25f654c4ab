"""Fields that a job adds to its line, and the job in what user code logs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.model import ModelStore
from winch import codec, current_job
from winch.callables import Admission
from winch.errors import InvalidJobOperation
from winch.job import Job, Running, current
from winch.job.extra import add_log_fields
from winch.log import JobContextFilter
from winch.options import DEFAULT_RUN
from winch.running.run import Run, Runner
from winch.stores.contract import Claim


def here(fields: dict[str, Any]) -> None:
    """A job that adds fields."""
    job = current_job()
    assert job is not None
    job.log_extra(**fields)


def ran(*calls: dict[str, Any]) -> list[Run]:
    """Runs of the job, one after the other."""
    runner, runs = Runner(ModelStore(), Admission((), (f"{__name__}.here",))), list[Run]()
    for fields in calls:
        payload = codec.dumps_call(f"{__name__}.here", (fields,), {}, DEFAULT_RUN)
        run = Run(Claim(1, "id", "q", payload, b"", False, 0, 2, 0, 0, 0, 0, 0, None))
        runs.append(run)
        outcome = runner.prepare(run) or runner.perform(run)
        if outcome.kind != "finished":
            raise AssertionError(codec.load_error(outcome.detail).message)
    return runs


class Odd:
    """It cannot tell itself."""

    def __str__(self) -> str:
        raise RuntimeError


def test_fields_stay_with_their_run() -> None:
    """Each run has its own; numbers and None stay what they are, all else is text, cut at 500 characters."""
    one, two, three = ran({"a": 1, "b": 1.5, "c": None, "d": True}, {"e": "x" * 501, "f": [1, 2]}, {})
    assert one.extra == {"a": 1, "b": 1.5, "c": None, "d": True}
    assert two.extra == {"e": "x" * 500 + "...", "f": "[1, 2]"}
    assert three.extra == {}


def test_what_cannot_be_added() -> None:
    """A name that every line has, and more than twenty fields, are told to the job."""
    with pytest.raises(AssertionError, match="every line has a field of that name"):
        ran({"job_id": 1})
    with pytest.raises(AssertionError, match="at most 20 fields"):
        ran({f"n{n}": n for n in range(21)})


def test_only_the_job_that_runs_here_has_a_line() -> None:
    """Outside of a job, or for another one, there is no line to add to."""
    job = Job[Any].from_claim(ModelStore(), Claim(1, "x", "q", b"", b"", False, 0, 0, 0, 0, 0, 0, 0, None))
    with pytest.raises(InvalidJobOperation, match="current_job"):
        job.log_extra(a=1)
    assert current_job() is None


def test_an_object_that_cannot_tell_itself_breaks_no_job() -> None:
    """Its kind is told instead; an endless integer is text."""
    running = Running(ModelStore(), Claim(1, "x", "q", b"", b"", False, 0, 0, 0, 0, 0, 0, 0, None), {})
    token = current.set(running)
    try:
        add_log_fields("x", {"odd": Odd(), "long": 10**5000})
    finally:
        current.reset(token)
    assert running.extra["odd"] == "(Odd, which cannot tell itself)"
    assert isinstance(running.extra["long"], str)


def logged() -> logging.LogRecord:
    """A record as a handler with the filter sees it."""
    record = logging.LogRecord("shop", logging.INFO, "", 0, "text", None, None)
    assert JobContextFilter().filter(record)
    return record


records: list[logging.LogRecord] = []


def log_here() -> None:
    """A job that logs."""
    records.append(logged())


def test_records_name_the_job_that_logs() -> None:
    """Within a job its id, queue and attempt; before and after it nothing."""
    runner = Runner(ModelStore(), Admission((), (f"{__name__}.log_here",)))
    payload = codec.dumps_call(f"{__name__}.log_here", (), {}, DEFAULT_RUN)
    run = Run(Claim(1, "x", "q", payload, b"", False, 0, 2, 0, 0, 0, 0, 0, None))
    assert (runner.prepare(run) or runner.perform(run)).kind == "finished"
    inside, outside = vars(records.pop()), vars(logged())
    assert [inside[name] for name in ("job_id", "job_queue", "job_attempt")] == ["x", "q", 3]
    assert [outside[name] for name in ("job_id", "job_queue", "job_attempt")] == ["", "", 0]
