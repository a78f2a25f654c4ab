"""`winch worker-pool`: RQ's name for `winch worker --processes`."""

from __future__ import annotations

import sys
from typing import Any

import click

from winch.cli.common import url_option
from winch.cli.worker import AT_LEAST_ONE, code, exception_handlers, logs, settings_of
from winch.worker import run_worker

__all__ = ["command"]


@click.command()
@url_option
@click.option("-b", "--burst", is_flag=True, help="Stop when nothing is left to do.")
@click.option("-n", "--num-workers", "processes", type=AT_LEAST_ONE, metavar="N", help="Processes that run jobs. [1]")
@code
@exception_handlers
@logs
@click.argument("queues", nargs=-1)
def command(**options: Any) -> None:
    """Run the jobs of QUEUES in several processes: `winch worker --processes N` with RQ's options."""
    sys.exit(run_worker(settings_of(**options)))
