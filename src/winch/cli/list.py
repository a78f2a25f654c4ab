"""`winch list`: jobs, chosen by what is known of them."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from winch.cli.choosing import chooses_jobs, job_filter
from winch.cli.common import existing, say_place, url_option
from winch.cli.describing import as_data, describe, span
from winch.inspector import Inspector
from winch.job import Job
from winch.job.describing import printable

__all__ = ["command"]

EPILOG = """\b
EXAMPLES
  winch list --state failed                        the newest 50 that failed
  winch list --function 'shop.*' --limit 0 --json  all of a module's, one JSON object a line
"""


@click.command(epilog=EPILOG)
@url_option
@chooses_jobs
@click.option("--limit", type=click.IntRange(0, 10**9), metavar="N", default=50, help="At most so many; 0 is all. [50]")
@click.option("--oldest", is_flag=True, help="Those first that have been in their state longest, or run next.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(url: str | None, limit: int, oldest: bool, as_json: bool, **chosen: Any) -> None:
    """List jobs, queue by queue and state by state, the newest first."""
    place = existing(url)
    found = Inspector(place.store).find(job_filter(**chosen), newest=not oldest)
    jobs = islice(found, limit) if limit else found
    if as_json:
        for job in jobs:
            click.echo(json.dumps(as_data(job)))
        return
    say_place(place)
    _print(list(jobs), limit)


def _print(jobs: list[Job[Any]], limit: int) -> None:
    table = Table("id", "state", "queue", "age", "runs", "job", box=None, pad_edge=False, header_style="bold")
    for job in jobs:
        record = job.record
        state = f"{record.state}: {record.reason}" if record.reason else record.state.value
        age = span(record.now - (record.ended_at or record.enqueued_at or record.created_at))
        table.add_row(job.id, state, record.queue, age, str(record.attempts), Text(printable(describe(job))))
    Console(width=1_000).print(table, soft_wrap=True)  # a terminal wraps a long call; nothing is cut
    if limit and len(jobs) == limit:
        click.echo(f"the first {limit}: see --limit", err=True)
