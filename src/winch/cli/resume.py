"""`winch resume`: the end of a pause."""

from __future__ import annotations

import click

from winch.cli.common import check_names, existing, say_place, url_option
from winch.queue import Queue
from winch.suspension import is_suspended, resume

__all__ = ["command"]


@click.command()
@url_option
@click.argument("queues", nargs=-1)
def command(url: str | None, queues: tuple[str, ...]) -> None:
    """Hand out jobs of QUEUES again (default: end the pause of all queues).

    A pause of single queues and one of all are apart: each has to be ended by itself.
    """
    check_names(queues)
    place = existing(url)
    say_place(place)
    for name in queues:
        Queue(name, place.store).resume()
    if not queues:
        resume(place.store)
    click.echo(f"Resumed {', '.join(queues) or 'all queues'}.")
    if left := sorted(place.store.paused().keys() - {"*"}) if not queues else []:
        click.echo(f"note: still paused by themselves: {', '.join(left)}. Name them to resume them.", err=True)
    elif queues and is_suspended(place.store):
        click.echo("note: all queues are suspended: `winch resume` without a name ends that.", err=True)
