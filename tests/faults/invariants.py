"""What must hold once a scenario is over, whatever was planted (FAULTS.md, section 3)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.contract.helpers import check_consistent, record
from tests.faults.stage import Expected, Stage
from tests.integration.conftest import lines

__all__ = ["check"]


def check(stage: Stage) -> None:
    """Every job has come to its end, once; nothing is held, listed twice or left behind."""
    check_consistent(stage.store)  # S1, S2
    noted = [line.split()[:2] for line in lines(Path(stage.notes))]
    starts = Counter(name for word, name in noted if word == "start")
    ends = Counter(name for word, name in noted if word == "end")
    for name, expected in stage.jobs.items():
        _check_job(expected)
        most = expected.starts + (expected.spare if stage.has_struck() else 0)
        assert starts[name] <= most, f"{name} started {starts[name]} times"  # S6
        assert ends[name] >= (expected.state == "finished"), f"{name} is {expected.state} and never ended"
    records = [record(stage.store, name) for name in stage.jobs]
    charged = sum(found.crashes - stage.jobs[found.id].crashes for found in records)
    assert charged <= stage.has_struck(), "more charges than faults"
    _check_order(noted, starts)
    assert stage.store.drained(["default"])
    assert stage.store.workers() == []
    assert stage.survivors() == []


def _check_job(expected: Expected) -> None:
    job = expected.job
    job.refresh()
    assert job.get_status(refresh=False) == expected.state, job.attempts
    committed = [attempt for attempt in job.attempts if attempt.outcome == "finished"]
    assert len(committed) == (expected.state == "finished"), job.attempts  # S4
    assert not [attempt for attempt in job.attempts if attempt.outcome == "failed"], job.attempts
    if committed:
        assert job.result(timeout=0) == job.id


def _check_order(noted: list[list[str]], starts: Counter[str]) -> None:
    """S7: a child, and a callback, come after their parent's end, and once, but for the fault."""
    if ["end", "parent"] in noted and ["start", "child"] in noted:
        assert noted.index(["end", "parent"]) < noted.index(["start", "child"])
    called_back = starts["callback-of-parent"]
    assert called_back <= 2
    if called_back:
        assert noted.index(["end", "parent"]) < noted.index(["start", "callback-of-parent"])
