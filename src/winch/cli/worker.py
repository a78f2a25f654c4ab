"""`winch worker`: its options are the fields of `WorkerSettings`, this module hands them over."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from winch.cli.common import Place, check_names, configure, locate, only_given, say_place, url_option
from winch.cli.rq_flags import rq_flags
from winch.cli.types import duration, size
from winch.errors import InvalidOption
from winch.worker import WorkerSettings, run_worker
from winch.worker.order import split_weights
from winch.worker.settings import Isolation, Order

__all__ = ["AT_LEAST_ONE", "code", "command", "exception_handlers", "logs", "settings_of"]

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
AT_LEAST_ONE = click.IntRange(min=1)

F = TypeVar("F", bound=Callable[..., Any])

_LOGS = (
    click.option(
        "--log-level",
        "--logging-level",
        type=click.Choice(LEVELS, case_sensitive=False),
        help="Log from this level on. [INFO]",
    ),
    click.option("--log-format", metavar="FORMAT", help="text, json, or a format of Python's logging. [text]"),
    click.option("--date-format", metavar="FORMAT", help="How times look in text, as for strftime. [%H:%M:%S]"),
    click.option("-q", "--quiet", is_flag=True, help="No line for a job that finished."),
    click.option("-v", "--verbose", is_flag=True, help="The same as --log-level DEBUG."),
)


_CODE = (
    click.option(
        "-P", "--path", "paths", metavar="FOLDER", multiple=True, help="Folder with your code, may be repeated. [.]"
    ),
    click.option("--allow", multiple=True, help="Run these too, as 'shop.*'; '*': all. May be repeated."),
    click.option(
        "--import",
        "imports",
        metavar="MODULE",
        multiple=True,
        help="Module to import before the first job. May be repeated.",
    ),
)

exception_handlers = click.option(
    "--exception-handler",
    "exception_handlers",
    metavar="PATH",
    multiple=True,
    help="Function to call for each failed attempt. May be repeated.",
)
"""Add the option of that name."""


def logs(command: F) -> F:
    """Add the options that say what is logged."""
    return _with(_LOGS, command)


def code(command: F) -> F:
    """Add the options that say where the jobs' code is, and what of it may run."""
    return _with(_CODE, command)


def _with(options: Sequence[Callable[[F], F]], command: F) -> F:
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@url_option
@click.option("-b", "--burst", is_flag=True, help="Stop when nothing is left to do.")
@click.option("-p", "--processes", type=AT_LEAST_ONE, metavar="N", help="Executors: processes that run jobs. [1]")
@click.option(
    "--threads", type=AT_LEAST_ONE, metavar="N", help="Jobs at a time in one executor; 1 is its main thread. [1]"
)
@click.option("--async-jobs", type=AT_LEAST_ONE, metavar="N", help="`async def` jobs at a time in one executor. [100]")
@click.option("-n", "--name", metavar="NAME", help="A label. [host and pid]")
@code
@click.option(
    "--cron",
    metavar="MODULE",
    multiple=True,
    help="Module whose cron entries are written to the store at the start. May be repeated.",
)
@click.option("--order", type=click.Choice(get_args(Order)), help="How queues without weights take turns. [strict]")
@exception_handlers
@click.option(
    "--on-crash", metavar="PATH", multiple=True, help="Function to call for each crash of an executor. May be repeated."
)
@click.option("--worker-ttl", type=duration, help="Silent for this long, the worker counts as dead. [30s]")
@click.option("--grace", type=duration, help="On SIGTERM running jobs have this long to finish. [25s]")
@click.option("--max-jobs", type=AT_LEAST_ONE, metavar="N", help="Stop after so many jobs.")
@click.option("--max-idle-time", type=duration, help="Stop after so long without a job.")
@click.option(
    "--isolation",
    type=click.Choice(get_args(Isolation)),
    help="`fork` runs each job in a process of its own, one at a time per executor. [none]",
)
@click.option("--max-jobs-per-executor", type=AT_LEAST_ONE, metavar="N", help="Replace an executor after so many jobs.")
@click.option("--max-memory", type=size, help="Replace an executor that uses more, as 512MB.")
@logs
@click.option("--pid", type=click.Path(dir_okay=False, path_type=Path), help="Write the process id to this file.")
@rq_flags
@click.argument("queues", nargs=-1)
def command(pid: Path | None, **options: Any) -> None:
    """Run the jobs of QUEUES (default: default), those of the first queue before those of the second, and so on.

    With weights, as `high=3 low=1`, the queues come first in turn, each as often as its weight says.

    A worker runs the functions of the project in the current folder, or of every --path. SIGTERM or Ctrl-C lets running
    jobs finish; a second one puts them back into their queue at once.
    """
    settings = settings_of(**options)
    with _pid_file(pid):
        sys.exit(run_worker(settings))


def settings_of(url: str | None, queues: tuple[str, ...], verbose: bool, **options: Any) -> WorkerSettings:
    """What the options ask of a worker. Tells on the way which store it will use.

    Raises:
        InvalidOption: A value that cannot be used.
    """
    configured = configure(
        url=url, path=options.pop("paths"), **{name: options.pop(name, ()) for name in ("allow", "imports", "cron")}
    )
    names, weights = split_weights(queues)
    check_names(names)
    _check_folders(configured.path)
    place = locate(url, configured)
    say_place(place)
    _warn_of_redis_url(place)
    given = only_given(options)
    if verbose:
        given["log_level"] = "DEBUG"
    return WorkerSettings(
        queues=names or ("default",),
        weights=weights,
        url=configured.url,
        paths=configured.path or (".",),
        allow=configured.allow,
        imports=configured.imports,
        cron=configured.cron,
        pickle=configured.pickle,
        **given,
    )


def _check_folders(paths: tuple[str, ...]) -> None:
    for path in paths:
        if not Path(path).is_dir():
            raise InvalidOption(f"no such folder: {path} (from --path, WINCH_PATH or the project's settings)")


def _warn_of_redis_url(place: Place) -> None:
    if os.environ.get("REDIS_URL") and place.origin not in ("--url", "WINCH_URL"):
        click.echo("warning: REDIS_URL is set, but winch reads WINCH_URL: jobs on Redis are not seen here.", err=True)


@contextmanager
def _pid_file(path: Path | None) -> Generator[None]:
    """Keep the process id in a file while the worker runs.

    Raises:
        click.ClickException: The file cannot be written.
    """
    if path is None:
        yield
        return
    try:
        path.write_text(f"{os.getpid()}\n", encoding="ascii")
    except OSError as error:
        raise click.ClickException(f"cannot write the pid file {path}: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
