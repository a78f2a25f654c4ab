"""`winch import-rq`: the jobs of an RQ database move into winch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
import redis

from winch.cli.common import locate, say_place, url_option
from winch.compat.moving import Move, Moved
from winch.compat.rqdb import KINDS, Kind, RQDatabase

__all__ = ["command"]

EPILOG = """\b
EXAMPLES
  winch import-rq redis://localhost:6379/0 --dry-run
  winch import-rq redis://localhost:6379/0 --trust-pickles
"""


@click.command(epilog=EPILOG)
@url_option
@click.option("-q", "--queue", "queues", metavar="NAME", multiple=True, help="Only this queue. May be repeated. [all]")
@click.option("-n", "--dry-run", is_flag=True, help="Change nothing, tell how many jobs there are. Loads no pickle.")
@click.option(
    "--trust-pickles",
    is_flag=True,
    help="RQ's jobs are pickles: to read one runs code of whoever could write to that Redis. Consent to it.",
)
@click.option("--pickle", is_flag=True, help="Arguments that need it travel as pickles; workers need WINCH_PICKLE=1.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.argument("source", metavar="RQ_URL")
def command(
    url: str | None,
    queues: tuple[str, ...],
    dry_run: bool,
    trust_pickles: bool,
    pickle: bool,
    as_json: bool,
    source: str,
) -> None:
    """Move the queued, scheduled, deferred and failed jobs of the RQ database at RQ_URL into winch, each once.

    Stop RQ's workers, or let them run: a job that one of them takes first is theirs. What cannot be moved stays there, and is
    told. When it was interrupted, run it again within a day.
    """
    try:
        client: Any = redis.Redis.from_url(source, socket_timeout=30, socket_connect_timeout=5)  # pyright: ignore[reportUnknownMemberType]
        client.ping()
    except (redis.RedisError, ValueError) as error:
        raise click.ClickException(
            f"{_without_password(source)} does not answer as a Redis database: {error}. "
            "Check the address, as redis://user:password@host:6379/0, and that the server runs."
        ) from error
    database = RQDatabase(client)
    names = list(queues) or database.queues()
    place = locate(url)
    if not as_json:
        say_place(place)
    if dry_run:
        _tell_counts({name: database.counts(name) for name in names}, as_json)
        return
    if not trust_pickles and any(
        job.is_pickled for name in names for kind in KINDS for job in database.jobs(name, kind)
    ):
        raise click.UsageError(
            "RQ's jobs are pickles, and to read a pickle runs code of whoever wrote it. "
            "If you trust everybody who could write to that Redis, say --trust-pickles."
        )
    _tell(Move(database, place.store, pickle=pickle).run(names), as_json)


def _without_password(url: str) -> str:
    scheme, slashes, rest = url.partition("?")[0].rpartition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


def _tell_counts(counts: Mapping[str, Mapping[Kind, int]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(counts))
        return
    for name, found in counts.items():
        click.echo(f"{name}: " + ", ".join(f"{number} {kind}" for kind, number in found.items()))
    click.echo(f"{sum(sum(found.values()) for found in counts.values())} jobs would be moved.")


def _tell(result: Moved, as_json: bool) -> None:
    """Tell what arrived and what stayed. Exit code 1 if something stayed."""
    if as_json:
        moved = [{"queue": queue, "kind": kind, "jobs": number} for (queue, kind), number in result.moved.items()]
        click.echo(json.dumps({"moved": moved, "left": result.left}))
    else:
        for job, why in result.left.items():
            click.echo(f"{job} stays: {why}", err=True)
        for (queue, kind), number in result.moved.items():
            click.echo(f"{queue}: {number} {kind}")
        click.echo(f"{sum(result.moved.values())} jobs moved, {len(result.left)} left.")
    if result.left:
        raise SystemExit(1)
