"""`winch requeue`: run jobs again that have ended."""

from __future__ import annotations

from typing import Any

import click

from winch.cli.choosing import changes_jobs, run_change
from winch.cli.common import url_option
from winch.states import JobStatus

__all__ = ["command"]

EPILOG = """\b
EXAMPLES
  winch requeue 0199f0c2-7a4b-7c3e-9d58-1f0e6a2b3c4d   one job
  winch requeue --queue mail --all                     all that failed in a queue
  winch requeue --reason timeout --newer-than 2h -n    how many would that be?
"""


@click.command(epilog=EPILOG)
@url_option
@click.option("--at-front", is_flag=True, help="They join the front of their queues.")
@changes_jobs
def command(url: str | None, at_front: bool, **options: Any) -> None:
    """Run jobs again: those of IDS, or those that are chosen (without --state: failed ones). Each has all its retries."""
    run_change(
        "requeued",
        lambda inspector, wanted, pace: inspector.requeue(wanted, at_front=at_front, pace=pace),
        url,
        options,
        (JobStatus.FAILED,),
    )
