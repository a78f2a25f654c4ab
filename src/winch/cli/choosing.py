"""What the commands share that list or change many jobs: how jobs are chosen, and what is told of a change."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from winch.cli.common import existing, say_place
from winch.cli.types import duration
from winch.inspector import Bulk, Inspector, JobFilter
from winch.states import REASONS, STATES, JobStatus

__all__ = ["changes_jobs", "chooses_jobs", "job_filter", "run_change"]

F = TypeVar("F", bound=Callable[..., Any])

_CHOOSING = (
    click.option(
        "-q", "--queue", "queues", metavar="NAME", multiple=True, help="Of this queue. May be repeated. [all]"
    ),
    click.option(
        "-s",
        "--state",
        "states",
        type=click.Choice([state.value for state in STATES]),
        multiple=True,
        help="In this state. May be repeated.",
    ),
    click.option("-f", "--function", metavar="PATTERN", help="Of functions like this: 'shop.mail.*'."),
    click.option("--reason", type=click.Choice([one for one in REASONS if one]), help="That ended for this reason."),
    click.option("--older-than", "older", type=duration, help="That ended, or were made, at least so long ago."),
    click.option("--newer-than", "newer", type=duration, help="That ended, or were made, at most so long ago."),
)

_CHANGING = (
    click.option("-a", "--all", "everything", is_flag=True, help="All of them; needed if nothing else is said."),
    click.option("-n", "--dry-run", is_flag=True, help="Change nothing, tell how many there are."),
    click.option(
        "--pace", type=click.FloatRange(min=0, min_open=True), metavar="N", help="At most so many per second."
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object."),
)


def chooses_jobs(command: F) -> F:
    """Add the options that choose jobs. The command gets what `job_filter` takes."""
    for option in reversed(_CHOOSING):
        command = option(command)
    return command


def changes_jobs(command: F) -> F:
    """Add the arguments and options of a change of many jobs. The command gets what `run_change` takes."""
    for option in reversed(_CHANGING):
        command = option(command)
    return click.argument("ids", nargs=-1)(chooses_jobs(command))


def job_filter(states: Sequence[str] = (), **chosen: Any) -> JobFilter:
    """The filter that the options spell."""
    given = {name: value for name, value in chosen.items() if value is not None}
    return JobFilter(states=tuple(JobStatus(state) for state in states), **given)


def run_change(
    verb: str,
    change: Callable[[Inspector, JobFilter, float | None], Bulk],
    url: str | None,
    options: dict[str, Any],
    states: Sequence[JobStatus] = (),
) -> None:
    """Change the jobs that were chosen, and tell what was done.

    Args:
        verb: What it does, in the past tense: `deleted`.
        change: Does it, at a pace.
        url: What `--url` says.
        options: The values of all that `changes_jobs` adds.
        states: Which jobs are meant if neither ids nor states are given.

    Raises:
        click.UsageError: Nothing was chosen, and not everything either.
        SystemExit: Exit code 1: not all that were named could be changed.
    """
    everything, dry_run, pace, as_json = (options.pop(name) for name in ("everything", "dry_run", "pace", "as_json"))
    if not everything and not any(value for name, value in options.items() if name != "queues"):
        raise click.UsageError("Name jobs by their ids, choose some by --state, --function, ..., or say --all.")
    if not options["ids"] and not options["states"]:
        options["states"] = states
    wanted = job_filter(**options)
    place = existing(url)
    inspector = Inspector(place.store)
    if not as_json:
        say_place(place)
    if dry_run:
        _tell(f"would be {verb}", "count", inspector.count(wanted), as_json)
        return
    bulk = change(inspector, wanted, pace)
    for job, why in bulk.skipped:
        click.echo(f"{job}: {why}", err=True)
    _tell(verb, verb, bulk.done if as_json else len(bulk.done), as_json)
    if bulk.skipped:
        raise SystemExit(1)


def _tell(words: str, key: str, value: list[str] | int, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({key: value}))
    else:
        click.echo(f"{value} {'job' if value == 1 else 'jobs'} {words}.")
