"""`winch prune`: delete what ended long ago."""

from __future__ import annotations

from typing import Any

import click

from winch.cli.choosing import run_change
from winch.cli.common import url_option
from winch.cli.types import duration
from winch.states import ENDED

__all__ = ["command"]

EPILOG = """\b
EXAMPLE
  winch prune --older-than 7d --dry-run   how many jobs would that be?
"""


@click.command(epilog=EPILOG)
@url_option
@click.option("--older-than", "older", type=duration, required=True, help="That ended at least so long ago.")
@click.option("-n", "--dry-run", is_flag=True, help="Change nothing, tell how many there are.")
@click.option("--pace", type=click.FloatRange(min=0, min_open=True), metavar="N", help="At most so many per second.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.argument("queues", nargs=-1)
def command(url: str | None, older: float, queues: tuple[str, ...], **options: Any) -> None:
    """Delete the jobs of QUEUES (default: all) that ended long ago, finished or not.

    Jobs go by themselves once their result_ttl or failure_ttl is over; this is for those that were to be kept longer.
    """
    chosen = {"everything": True, "ids": (), "queues": queues, "states": tuple(ENDED), "older": older}
    run_change(
        "deleted",
        lambda inspector, _, pace: inspector.prune(older, queues=queues, pace=pace),
        url,
        options | chosen,
    )
