"""`winch cancel`: take jobs out of their queues for good."""

from __future__ import annotations

from typing import Any

import click

from winch.cli.choosing import changes_jobs, run_change
from winch.cli.common import url_option
from winch.states import WAITING, JobStatus

__all__ = ["command"]

EPILOG = """\b
EXAMPLES
  winch cancel 0199f0c2-7a4b-7c3e-9d58-1f0e6a2b3c4d --stop   one job, also if it runs
  winch cancel --function 'shop.report.*' --dry-run          how many would that be?
"""


@click.command(epilog=EPILOG)
@url_option
@click.option("--stop", is_flag=True, help="Stop those that run, too.")
@changes_jobs
def command(url: str | None, stop: bool, **options: Any) -> None:
    """Cancel jobs that have still to run: those of IDS, or those that are chosen."""
    possible = WAITING | {JobStatus.STARTED} if stop else WAITING
    run_change(
        "canceled",
        lambda inspector, wanted, pace: inspector.cancel(wanted, stop=stop, pace=pace),
        url,
        options,
        tuple(state for state in JobStatus if state in possible),
    )
