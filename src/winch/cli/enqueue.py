"""`winch enqueue`: a job from the command line, with RQ's syntax for arguments."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import click

from winch.cli import arguments
from winch.cli.common import locate, only_given, say_place, url_option
from winch.cli.types import duration, moment
from winch.options import JobKeywords, Retry
from winch.queue import Queue

__all__ = ["command"]

EPILOG = """\b
ARGUMENTS
  v         k=v         text
  :json     k:=json     a JSON value
  %literal  k%=literal  a Python literal
  @file     k=@file     the text of a file (also :@file, %@file)
"""


class Enqueue(click.Command):
    """Tells how to write an argument that looks like an option: what `-1` is meant as, click cannot know."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line.

        Raises:
            click.UsageError: As click, with an advice of our own for negative numbers.
        """
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            numbers = [word for word in words if word.startswith(error.option_name)]
            if (spelling := arguments.meant_as_value(numbers)) is None:
                raise
            raise click.UsageError(
                f"{numbers[0]} is read as an option. Write {spelling} for the number, or -- before the arguments for the text.",
                ctx,
            ) from error


@click.command(cls=Enqueue, epilog=EPILOG)
@url_option
@click.option("-q", "--queue", "queue_name", metavar="NAME", default="default", help="The queue's name. [default]")
@click.option("--timeout", type=duration, help="How long it may run. [3m]")
@click.option("--result-ttl", type=duration, help="How long it is kept once it has finished. [500s]")
@click.option("--ttl", type=duration, help="How long it may wait in its queue.")
@click.option("--failure-ttl", type=duration, help="How long it is kept once it has failed. [365d]")
@click.option("--description", help="Shown instead of the call.")
@click.option("--depends-on", metavar="ID", multiple=True, help="Id of a job to wait for. May be repeated.")
@click.option("--job-id", metavar="ID", help="Its id.")
@click.option("--unique", is_flag=True, help="Not if a job with this id, or else this call, has not ended yet.")
@click.option("--at-front", is_flag=True, help="Join the front of the queue.")
@click.option("--priority", type=click.IntRange(-500, 500), metavar="N", help="Higher first. [0]")
@click.option(
    "--retry-max", type=click.IntRange(min=0), metavar="N", default=0, help="How often it runs again if it fails. [0]"
)
@click.option("--retry-interval", type=duration, multiple=True, help="Wait before a retry. May be repeated.")
@click.option("--schedule-in", type=duration, help="Run it that much later: 10s, 5m, 2d.")
@click.option("--schedule-at", type=moment, help="Run it at that time: 2027-05-01T08:30.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.argument("function")
@click.argument("words", nargs=-1, metavar="[ARGUMENTS]...")
def command(
    url: str | None,
    queue_name: str,
    schedule_in: float | None,
    schedule_at: datetime | None,
    retry_max: int,
    retry_interval: tuple[float, ...],
    quiet: bool,
    function: str,
    words: tuple[str, ...],
    **options: Any,
) -> None:
    """Enqueue a call of FUNCTION, an import path like shop.mail.send_welcome."""
    _check_times(schedule_in, schedule_at)
    if retry_interval and not retry_max:
        raise click.UsageError("--retry-interval is the wait before a retry: say with --retry-max how many there are.")
    call = arguments.parse(words)
    keywords = JobKeywords(**only_given(options))
    if retry_max:
        keywords["retry"] = Retry(retry_max, retry_interval or 0)
    place = locate(url)
    if quiet:
        logging.getLogger("winch").setLevel(logging.ERROR)
    else:
        say_place(place)
    queue = Queue(queue_name, connection=place.store).using(**keywords)
    if schedule_at is not None:
        job = queue.enqueue_at(schedule_at, function, *call.args, **call.kwargs)
    elif schedule_in is not None:
        job = queue.enqueue_in(timedelta(seconds=schedule_in), function, *call.args, **call.kwargs)
    else:
        job = queue.enqueue(function, *call.args, **call.kwargs)
    if not quiet:
        click.echo(f"Enqueued {job.description} with job-id '{job.id}'.")
        if spelling := arguments.meant_as_value(words):
            click.echo(f"note: arguments are sent as text. For a value write {spelling!r}.", err=True)


def _check_times(schedule_in: float | None, schedule_at: datetime | None) -> None:
    if schedule_in is not None and schedule_at is not None:
        raise click.UsageError("--schedule-in and --schedule-at contradict each other.")
    if schedule_in is not None and schedule_in < 0:
        raise click.UsageError("--schedule-in takes 0 seconds or more: a job cannot run in the past.")
