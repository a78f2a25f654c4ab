"""`winch workers`: see the workers of a store, and tell them what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from winch.cli.common import Place, existing, say_place, url_option
from winch.cli.describing import describe, span
from winch.cli.types import duration
from winch.worker import WorkerView, orders
from winch.worker.steering import wait_until_obeyed

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])

EPILOG = """\b
EXAMPLES
  winch workers                       who is there, and what do they do?
  winch workers quiet web-1           take nothing more, finish what runs
  winch workers restart --all         new code, one executor after the other
  winch workers stop web-1 --now      and put back what it runs
"""


@click.group(invoke_without_command=True, epilog=EPILOG)
@url_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each worker, on a line of its own.")
@click.pass_context
def command(ctx: click.Context, url: str | None, as_json: bool) -> None:
    """List the workers, or tell them what to do: stop, restart, quiet, resume.

    A worker is named by its name or its id. What it is told stays in the store until it obeys, and wakes it at once.
    """
    place = existing(url)
    ctx.obj = place
    if ctx.invoked_subcommand is None:
        _show(place, as_json)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each worker, on a line of its own.")
@click.pass_obj
def list_command(place: Place, as_json: bool) -> None:
    """List the workers: the same as without a word."""
    _show(place, as_json)


def _tells(order: F) -> F:
    """Add what all orders take."""
    order = click.option(
        "--wait", type=duration, default="10s", show_default=True, help="Wait so long until it is obeyed; 0: do not."
    )(order)
    order = click.option("-a", "--all", "everybody", is_flag=True, help="Tell all that are alive.")(order)
    return click.argument("names", nargs=-1, metavar="[NAMES]...")(order)


@command.command("stop")
@click.option("--now", is_flag=True, help="Put back what runs, instead of the time to finish that --grace gives.")
@_tells
@click.pass_obj
def stop_command(place: Place, now: bool, **options: Any) -> None:
    """Stop workers, as SIGTERM does; they leave when their jobs have ended."""
    _tell(place, orders.SHUTDOWN_NOW if now else orders.SHUTDOWN, **options)


@command.command("restart")
@_tells
@click.pass_obj
def restart_command(place: Place, **options: Any) -> None:
    """Renew the executors one by one, as SIGHUP does, so that they run new code."""
    _tell(place, orders.RESTART, **options)


@command.command("quiet")
@_tells
@click.pass_obj
def quiet_command(place: Place, **options: Any) -> None:
    """Take no more jobs until `resume`; those that run are finished, and the worker stays."""
    _tell(place, orders.QUIET, **options)


@command.command("resume")
@_tells
@click.pass_obj
def resume_command(place: Place, **options: Any) -> None:
    """Take jobs again."""
    _tell(place, orders.RESUME, **options)


# ---- telling --------------------------------------------------------------------------------------------------------


def _tell(place: Place, order: str, names: Sequence[str], everybody: bool, wait: float) -> None:
    """Give an order to workers, and say who has obeyed.

    Raises:
        click.UsageError: Nobody was named.
        NoSuchWorker: Somebody who is not there was named. Nobody is told anything then.
        SystemExit: Exit code 1: not all have obeyed in time.
    """
    workers = _addressed(place, names, everybody)
    say_place(place)
    told = [(worker, place.store.send(worker.id, order)) for worker in workers]
    until = time.monotonic() + wait
    waiting = 0
    for worker, number in told:
        left = max(until - time.monotonic(), 0)
        obeyed = wait > 0 and wait_until_obeyed(place.store, worker.info, order, number, left)
        waiting += not obeyed
        click.echo(f"{worker.name} ({worker.hostname} {worker.pid}): {order} {'done' if obeyed else 'sent'}")
    if wait > 0 and waiting:
        click.echo(
            f"{waiting} of {len(told)} have not answered yet; they will obey when they do, unless they have left.",
            err=True,
        )
        raise SystemExit(1)


def _addressed(place: Place, names: Sequence[str], everybody: bool) -> list[WorkerView]:
    if everybody == bool(names):
        raise click.UsageError("Name workers, or say --all.")
    if everybody:
        return [worker for worker in WorkerView.all(place.store) if worker.alive]
    found = [WorkerView.named(place.store, name) for name in names]
    # One that hangs counts as dead and may come back; where others of its name are alive, they are meant.
    meant = [[worker for worker in workers if worker.alive] or workers for workers in found]
    return list({worker.id: worker for workers in meant for worker in workers}.values())


# ---- showing --------------------------------------------------------------------------------------------------------


def _show(place: Place, as_json: bool) -> None:
    workers = WorkerView.all(place.store)
    if as_json:
        for worker in workers:
            click.echo(json.dumps(_data(worker)))
        return
    say_place(place)
    for worker in workers:
        click.echo("\n".join(_lines(worker)))
    click.echo(f"{len(workers)} {'worker' if len(workers) == 1 else 'workers'}")


def _lines(worker: WorkerView) -> list[str]:
    done = f"{worker.successful_job_count} finished, {worker.failed_job_count} failed"
    state = worker.state + (f", told to {', '.join(worker.pending)}" if worker.pending else "")
    head = f"{click.style(worker.name, bold=True)} ({worker.hostname} {worker.pid}): {state}. "
    jobs = [f"    {describe(job)} {job.id}" for job in worker.get_current_jobs()[:3]]
    more = worker.current_execution_count - len(jobs)
    return [
        f"{head}{', '.join(worker.queues)}. {done} in {span(round(worker.total_working_time * 1000))}, up {_age(worker)}",
        *jobs,
        *([f"    and {more} more in hand"] if jobs and more > 0 else []),
    ]


def _age(worker: WorkerView) -> str:
    return span(round((datetime.now(UTC) - worker.birth_date).total_seconds() * 1000))


def _data(worker: WorkerView) -> dict[str, object]:
    return {
        "name": worker.name,
        "id": worker.id,
        "host": worker.hostname,
        "pid": worker.pid,
        "state": worker.state,
        "quiet": worker.is_quiet,
        "pending": worker.pending,
        "queues": worker.queues,
        "version": worker.version,
        "executors": worker.executors,
        "started_at": worker.birth_date.isoformat(),
        "last_heartbeat": worker.last_heartbeat.isoformat(),
        "finished": worker.successful_job_count,
        "failed": worker.failed_job_count,
        "working_seconds": worker.total_working_time,
        "jobs": worker.get_current_job_ids(),
    }
