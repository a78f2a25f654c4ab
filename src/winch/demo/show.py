"""What the demo shows: a live line while it runs, then tables. Without a terminal: plain lines."""

from __future__ import annotations

import sysconfig
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from winch.demo.jobs import Count
from winch.metrics import percentile
from winch.states import ENDED, STATES, JobStatus
from winch.stores.contract import MetricRow

__all__ = ["Report", "Screen"]

Counts = Mapping[JobStatus, int]
"""How many jobs are in each state."""

PLAIN_EVERY = 1.0
"""Seconds between two lines of progress where there is no terminal."""

SHARES = (0.5, 0.95, 0.99)
NUMBERS = ("modules", "lines", "code", "comments", "functions")


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo saw.

    Attributes:
        jobs: How many there were, the last one included.
        retried: How many of them needed a second attempt.
        executors: How many processes ran them.
        seconds: From the start of the first to the end of the last.
        merged: What the last job returned.
        direct: The same, counted without the queue.
        direct_seconds: How long that took.
        metrics: The rows that the store kept about this run.
    """

    jobs: int
    retried: int
    executors: int
    seconds: float
    merged: Count
    direct: Count
    direct_seconds: float
    metrics: Sequence[MetricRow]


class Screen:
    """Where the demo is shown.

    Args:
        console: The terminal, or the file that stands in for it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, total: int) -> Generator[Callable[[Counts], None]]:
        """Show how far it is. Call what this yields with the counts, as often as you like."""
        if self._console.is_terminal:
            with self._bar() as bar:
                task = bar.add_task("jobs", total=total, states="")
                yield lambda counts: bar.update(task, completed=_ended(counts), states=_states(counts))
        else:
            yield self._plain_progress(total)

    def report(self, report: Report) -> None:
        """Print the tables."""
        for table in (_totals(report), _longest(report.merged), _figures(report)):
            self._console.print()
            self._console.print(table)
        self._console.print()

    def _bar(self) -> Progress:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[states]}"), TimeElapsedColumn())
        return Progress(*columns, console=self._console)

    def _plain_progress(self, total: int) -> Callable[[Counts], None]:
        last = 0.0

        def update(counts: Counts) -> None:
            nonlocal last
            if time.monotonic() - last >= PLAIN_EVERY or _ended(counts) == total:
                last = time.monotonic()
                self.say(f"{_ended(counts)}/{total} {_states(counts)}")

        return update


def _ended(counts: Counts) -> int:
    return sum(counts[state] for state in ENDED)


def _states(counts: Counts) -> str:
    return " · ".join(f"{counts[state]} {state.value}" for state in STATES if counts[state])


def _totals(report: Report) -> Table:
    table = Table("found", title="The standard library", title_justify="left")
    table.add_column("by the jobs", justify="right")
    table.add_column("counted directly", justify="right")
    for name in NUMBERS:
        table.add_row(name, f"{report.merged[name]:,}", f"{report.direct[name]:,}")
    return table


def _longest(count: Count) -> Table:
    table = Table("function", "file", title="Its longest functions", title_justify="left")
    table.add_column("lines", justify="right")
    library = Path(sysconfig.get_path("stdlib"))
    for function in count["longest"]:
        table.add_row(function["name"], str(Path(function["file"]).relative_to(library)), str(function["lines"]))
    return table


def _figures(report: Report) -> Table:
    table = Table("measured", "", title="The run", title_justify="left", show_header=False)
    table.add_row("jobs", f"{report.jobs} finished, {report.retried} of them at the second attempt")
    rate = report.jobs / report.seconds
    table.add_row("throughput", f"{rate:.0f} jobs/s with {report.executors} executors, {report.seconds:.1f} s in all")
    table.add_row("without queue", f"{report.direct_seconds:.1f} s in one process")
    table.add_row("waited", _percentiles(report.metrics, "wait"))
    table.add_row("ran", _percentiles(report.metrics, "run"))
    return table


def _percentiles(rows: Sequence[MetricRow], series: str) -> str:
    """Percentiles of one series of the stored metrics."""
    counts = [(row.key.bucket, row.value) for row in rows if row.key.series == series]
    found = [(share, percentile(counts, share)) for share in SHARES]
    return "  ".join(f"p{share * 100:.0f} {value:,.1f} ms" for share, value in found if value is not None)
