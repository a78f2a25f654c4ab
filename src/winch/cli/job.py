"""`winch job`: all there is to know of one job."""

from __future__ import annotations

import json
from typing import Any

import click

from winch import codec
from winch.cli.common import existing, say_place, url_option
from winch.cli.describing import as_data, describe, span
from winch.errors import DecodeError
from winch.job import Job
from winch.job.describing import printable
from winch.states import JobStatus

__all__ = ["command"]

LINES = "\n\t"
"""What stays of a traceback, though it is not printable."""

EPILOG = """\b
EXAMPLE
  winch job 0199f0c2-7a4b-7c3e-9d58-1f0e6a2b3c4d --json
"""


@click.command(epilog=EPILOG)
@url_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.argument("job_id", metavar="ID")
def command(url: str | None, as_json: bool, job_id: str) -> None:
    """Show the job of an ID: its state, its history, its result or its error. Nothing of yours is imported for it."""
    place = existing(url)
    job = Job[Any].fetch(job_id, place.store)
    if as_json:
        data = as_data(job) | {"result": _result(job), "meta": _meta(job), "traceback": job.exc_info}
        click.echo(json.dumps(data, indent=2))
        return
    say_place(place)
    for name, value in _lines(job):
        click.echo(f"{name + ':':<12}{value}")
    _tell_attempts(job)
    if job.exc_info and job.record.state is not JobStatus.FINISHED:
        click.echo(f"\n{printable(job.exc_info.rstrip(), keep=LINES)}")


def _lines(job: Job[Any]) -> list[tuple[str, object]]:
    """What is known of it, as names and values."""
    record, position = job.record, job.get_position()
    state = record.state.value + (f" ({record.reason})" if record.reason else "")
    place = f"{record.queue}, place {position}" if position is not None else record.queue
    lines: list[tuple[str, object]] = [
        ("id", job.id),
        ("job", printable(describe(job))),
        ("state", state),
        ("queue", place),
    ]
    moments = [("created", job.created_at), ("due", job.due_at), ("started", job.started_at), ("ended", job.ended_at)]
    lines += [(name, moment.astimezone().isoformat(" ", "milliseconds")) for name, moment in moments if moment]
    if record.worker:
        lines.append(("worker", record.worker))
    if record.meta:
        lines.append(("meta", _meta(job)))
    if record.state is JobStatus.FINISHED:
        lines.append(("result", _result(job)))
    return lines


def _tell_attempts(job: Job[Any]) -> None:
    for number, attempt in enumerate(job.attempts, job.record.attempts - len(job.attempts) + 1):
        took = span(int((attempt.ended_at - attempt.started_at).total_seconds() * 1000))
        error = printable(f": {attempt.error.type_name}: {attempt.error.message}", LINES) if attempt.error else ""
        why = f" ({attempt.reason})" if attempt.reason else ""
        click.echo(f"attempt {number}: {attempt.outcome}{why} after {took} on {attempt.worker or '?'}{error}")


def _result(job: Job[Any]) -> str | None:
    if job.record.state is not JobStatus.FINISHED:
        return None
    try:
        return repr(codec.plain_result(job.record.result))
    except DecodeError as error:
        return f"({error})"


def _meta(job: Job[Any]) -> str:
    try:
        return repr(codec.load_meta(job.record.meta, None))
    except DecodeError as error:
        return f"({error})"
