"""The driver of the benchmarks: nothing that was not measured looks as if it had been."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.budgets import Figures, Key, budgets
from benchmarks.peers import FLOOR, NAMES, ROOT, Order
from benchmarks.peers.work import append
from benchmarks.queues import find, measure, medians
from benchmarks.site import Site
from benchmarks.workloads import ALSO, ONE, ONLY, WORKLOADS, takes_part
from benchmarks.workloads.rates import JOBS
from benchmarks.workloads.times import AT_ONCE, EVERY

WINCH = ("winch", "redis", "default")
RQ = ("rq", "redis", "fast")


def settings(name: str) -> set[str]:
    """The keys of an adapter's SPEEDS, read from its source: most queues are not installed here."""
    tree = ast.parse((ROOT / "benchmarks" / "peers" / f"{name}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SPEEDS":
            return set(ast.literal_eval(node.value))
    raise AssertionError(f"{name} has no SPEEDS")


def known() -> set[str]:
    """Every queue at every setting."""
    return {f"{name} {setting}" for name in (*NAMES, *FLOOR) for setting in settings(name)}


def test_every_setting_that_is_named_exists() -> None:
    """A misspelt setting would leave a queue out of a table without a word."""
    named = {*ALSO, *ONE, *JOBS, *AT_ONCE, *EVERY}.union(*ONLY.values())
    assert named <= known()


def test_every_workload_that_is_named_exists() -> None:
    """The same for workloads."""
    assert set(ONLY).union(*ALSO.values()) <= set(WORKLOADS)


@pytest.mark.parametrize("workload", ["drain", "drain2", "latency", "enqueue", "payload_1k", "waiting", "memory"])
def test_every_queue_takes_part(workload: str) -> None:
    """The workloads that any queue can run are run by all of them."""
    running = {name for name in NAMES if any(takes_part(name, setting, workload) for setting in settings(name))}
    assert running == set(NAMES)


def test_jobs_write_to_a_file_that_is_emptied(tmp_path: Path) -> None:
    """What is counted is what was written since: a file that jobs keep open is emptied between two measurements."""
    site = Site("winch", "redis", "default")
    site.folder = tmp_path
    append(str(site.file), b"..")
    os.truncate(site.file, 0)
    append(str(site.file), b".")
    assert site.size() == 1


@pytest.mark.parametrize("error", [RuntimeError("gone"), ValueError("no figures"), IndexError("0")])
def test_a_run_that_fails_is_a_line_with_the_reason(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Whatever goes wrong in one run, the others are run, and this one is named."""

    def fail(site: Site) -> dict[str, float]:
        raise error

    monkeypatch.setitem(WORKLOADS, "drain", fail)
    line = measure(Site("winch", "sqlite", "default"), "drain")
    assert line["failed"] == f"{type(error).__name__}: {error}"
    assert "figures" not in line


def test_a_queue_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a line of its own, with what to do."""
    monkeypatch.setitem(sys.modules, "benchmarks.peers.arq", None)
    peers, missing = find(["winch", "arq"])
    assert list(peers) == ["winch"]
    assert [line["skipped"] for line in missing] == ["arq"]
    assert missing[0]["why"]


def test_the_tables_of_an_earlier_run_name_versions_and_gaps(tmp_path: Path) -> None:
    """They need no queue installed, keep the words of that run, and end with exit code 1 when something is missing."""
    run = {"workload": "drain", "store": "redis", "queue": "celery", "setting": "fast"}
    lines = [
        {"machine": "2 cores", "versions": {"Celery": "5.7.0"}},
        {"skipped": "arq", "why": "its own environment"},
        {**run, "name": "Celery", "what": "as it was then", "figures": {"jobs/s": 1000.0}},
        {**run, "name": "Celery", "what": "as it was then", "figures": {"jobs/s": 2000.0}},
        {**run, "setting": "late", "name": "Celery", "what": "late", "failed": "TimeoutError: 90 s"},
    ]
    file = tmp_path / "run.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "-m", "benchmarks.queues", "--table", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "| Celery | redis | as it was then | 1,500 |" in done.stdout
    assert "2 cores; Celery 5.7.0" in done.stdout
    assert "skipped: arq: its own environment" in done.stdout
    assert "no figures: drain, celery, redis, late: TimeoutError: 90 s" in done.stdout


def test_rounds_without_figures_do_not_count() -> None:
    """A median is one of those that were measured."""
    run = {"workload": "drain", "queue": "rq", "store": "redis", "setting": "fast"}
    lines = [{**run, "figures": {"jobs/s": 10.0}}, {**run, "failed": "gone"}, {**run, "figures": {"jobs/s": 30.0}}]
    assert medians(lines, "drain") == {RQ: {"jobs/s": 20.0}}


def test_a_budget_is_met_or_missed_or_not_told() -> None:
    """Each is held against its bound; one that the run does not tell of has no row."""
    figures: dict[str, dict[Key, Figures]] = {
        "drain": {WINCH: {"jobs/s": 790.0, "us per job": 30.0}, RQ: {"jobs/s": 10.0}},
        "calls": {WINCH: {"scripts": 0.01, "round trips": 0.02, "draining": 2.0}},
    }
    found = {row[0]: row[2:] for row in budgets(figures) if row[1] == "redis"}
    assert found["drain, of RQ's SimpleWorker, both quiet"] == [">= 80", "79", "**missed**"]
    assert found["drain, us per job"] == ["<= 30", "30", "met"]
    assert found["client calls per job"] == ["<= 0.012", "0.02", "**missed**"]
    assert "drain, of BullMQ" not in found


def test_the_orders_of_a_crash_are_numbered() -> None:
    """The job of the crash is given its number; the others when they were sent, or when they are due."""
    assert list(Order("work", "file", 2).calls()) == [("file", 0), ("file", 1)]
    (_, first), (_, second) = Order("stamp", "file", 2, first=100.0, last=200.0).calls()
    assert second - first == pytest.approx(50.0)
