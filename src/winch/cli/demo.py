"""`winch demo`."""

from __future__ import annotations

import click
from rich.console import Console

from winch.cli.common import url_option
from winch.demo.run import run
from winch.demo.show import Screen

__all__ = ["command"]


@click.command()
@url_option
@click.option("--limit", type=click.IntRange(min=1), hidden=True, help="Count only so many modules.")
def command(url: str | None, limit: int | None) -> None:
    """See winch work on real files, with nothing but the package installed.

    One job for each module of Python's standard library counts its code; some fail at the first attempt on purpose and
    are retried; a last job waits for all others and adds up. Two executors run them. Without --url the jobs live in a
    temporary embedded store, whatever WINCH_URL says. Exit code 0 if every job finished and the sum is right.
    """
    run(url, limit, Screen(Console()))
    click.echo("Every job finished, and the sum of the jobs equals the direct count.")
