"""`winch suspend`: pause queues, or all of them."""

from __future__ import annotations

import click

from winch.cli.common import check_names, locate, say_place, url_option
from winch.cli.types import duration
from winch.errors import InvalidOption
from winch.queue import Queue
from winch.suspension import suspend

__all__ = ["command"]


@click.command()
@url_option
@click.option("--duration", "ttl", type=duration, help="For how long: 30s, 5m, 2h. [until `winch resume`]")
@click.argument("queues", nargs=-1)
def command(url: str | None, ttl: float | None, queues: tuple[str, ...]) -> None:
    """Hand out no more jobs of QUEUES (default: of any queue, also of those that come later).

    Jobs that run go on, and others can be enqueued.
    """
    if ttl is not None and ttl <= 0:
        raise InvalidOption("--duration takes more than 0 seconds; leave it out for a pause without end.")
    check_names(queues)
    place = locate(url)
    say_place(place)
    for name in queues:
        Queue(name, place.store).pause(ttl)
    if not queues:
        suspend(place.store, ttl)
    until = "until `winch resume`" if ttl is None else f"for {ttl:g} s"
    click.echo(f"Suspended {', '.join(queues) or 'all queues'} {until}.")
