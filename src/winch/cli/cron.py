"""`winch cron`: what is enqueued again and again."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from winch.cli.common import Place, configure, existing, locate, say_place, url_option
from winch.cron import Cron, Entry
from winch.cron.registering import registered
from winch.job.describing import printable

__all__ = ["command"]


@click.group()
def command() -> None:
    """See and change what is enqueued again and again. Every worker takes part in that."""


def _existing(url: str | None) -> Cron:
    return _cron_of(existing(url))


def _cron_of(place: Place) -> Cron:
    say_place(place)
    return Cron(place.store)


@command.command("list")
@url_option
@click.option("--json", "as_json", is_flag=True, help="A JSON array.")
def list_entries(url: str | None, as_json: bool) -> None:
    """List the entries with their last and next runs."""
    entries = _existing(url).entries()
    if as_json:
        click.echo(json.dumps([_data(entry) for entry in entries], indent=2))
    else:
        click.echo("\n".join(_table(entries)) if entries else "There are no cron entries.")


@command.command()
@url_option
@click.option("-P", "--path", "paths", metavar="FOLDER", multiple=True, help="Folder with your code. May be repeated.")
@click.option(
    "--version", type=click.IntRange(min=0), metavar="N", default=0, help="Of the set: a lower one is not written. [0]"
)
@click.argument("module")
def sync(url: str | None, paths: tuple[str, ...], version: int, module: str) -> None:
    """Write what MODULE registers, in the place of what it registered before."""
    cron = _cron_of(locate(url))
    sys.path[:0] = [str(Path(path).resolve()) for path in configure(path=paths).path]
    count = len(registered(module))
    if cron.sync(module, version=version):
        click.echo(f"{module} has {count} cron {'entry' if count == 1 else 'entries'}.")
    else:
        raise click.ClickException(f"the store has a higher version of {module}: nothing was written.")


@command.command()
@url_option
@click.argument("name")
def pause(url: str | None, name: str) -> None:
    """Let the entry NAME fire no more."""
    _existing(url).pause(name)
    click.echo(f"Paused {name}.")


@command.command()
@url_option
@click.argument("name")
def resume(url: str | None, name: str) -> None:
    """Let the entry NAME fire again; what it missed is left out."""
    _existing(url).resume(name)
    click.echo(f"Resumed {name}.")


@command.command()
@url_option
@click.argument("name")
def run(url: str | None, name: str) -> None:
    """Enqueue the job of the entry NAME now, paused or not."""
    job = _existing(url).run_now(name)
    click.echo(f"Enqueued {printable(job.description)} with job-id '{job.id}'.")


@command.command()
@url_option
@click.argument("name")
def remove(url: str | None, name: str) -> None:
    """Remove the entry NAME. Jobs that it has enqueued stay."""
    _existing(url).remove(name)
    click.echo(f"Removed {name}.")


# ---- how they look --------------------------------------------------------------------------------------------------

_HEADS = ("name", "schedule", "zone", "queue", "function", "last run", "next run")


def _table(entries: Sequence[Entry]) -> list[str]:
    rows = [_HEADS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEADS))]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(entry: Entry) -> tuple[str, ...]:
    zone = "" if entry.schedule.every else entry.schedule.zone
    coming = "paused" if entry.paused else _time(entry.next_run)
    return entry.name, entry.schedule.text, zone, entry.queue, entry.func_name, _time(entry.last_run), coming


def _time(time: datetime | None) -> str:
    return "-" if time is None else time.isoformat(" ", "seconds")


def _data(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "source": entry.source,
        "cron": entry.schedule.cron or None,
        "every": entry.schedule.every / 1000 or None,
        "zone": entry.schedule.zone,
        "misfire": entry.schedule.misfire,
        "queue": entry.queue,
        "function": entry.func_name,
        "paused": entry.paused,
        "last_run": entry.last_run and entry.last_run.isoformat(),
        "last_job_id": entry.last_job_id,
        "next_run": entry.next_run and entry.next_run.isoformat(),
    }
