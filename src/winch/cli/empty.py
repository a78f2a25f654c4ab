"""`winch empty`: delete the queued jobs of queues."""

from __future__ import annotations

import json

import click

from winch.cli.common import check_names, existing, say_place, url_option
from winch.queue import Queue

__all__ = ["command"]

EPILOG = """\b
EXAMPLE
  winch empty import reports
"""


@click.command(epilog=EPILOG)
@url_option
@click.option("-a", "--all", "everything", is_flag=True, help="Of every queue.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: queues and how many jobs were deleted.")
@click.argument("queues", nargs=-1)
def command(url: str | None, everything: bool, as_json: bool, queues: tuple[str, ...]) -> None:
    """Delete the queued jobs of QUEUES. Jobs in other states stay."""
    if everything == bool(queues):
        raise click.UsageError("Name queues, or say --all.")
    check_names(queues)
    place = existing(url)
    if not as_json:
        say_place(place)
    removed = {name: Queue(name, place.store).empty() for name in queues or place.store.queues()}
    if as_json:
        click.echo(json.dumps(removed))
        return
    for name, count in removed.items():
        click.echo(f"{count} jobs removed from {name} queue")
