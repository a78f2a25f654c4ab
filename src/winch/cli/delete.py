"""`winch delete`: remove jobs with all they have."""

from __future__ import annotations

from typing import Any

import click

from winch.cli.choosing import changes_jobs, run_change
from winch.cli.common import url_option

__all__ = ["command"]

EPILOG = """\b
EXAMPLES
  winch delete 0199f0c2-7a4b-7c3e-9d58-1f0e6a2b3c4d     one job
  winch delete --state failed --older-than 30d          what failed long ago
  winch delete --queue import --all --pace 1000         a queue's jobs, a thousand per second
"""


@click.command(epilog=EPILOG)
@url_option
@changes_jobs
def command(url: str | None, **options: Any) -> None:
    """Delete jobs, whatever their state: those of IDS, or those that are chosen. Those that run are stopped."""
    run_change("deleted", lambda inspector, wanted, pace: inspector.delete(wanted, pace=pace), url, options)
