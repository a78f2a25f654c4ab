"""RQ's command line over winch's: `python -m winch.compat.rq worker high default`.

The commands are those of `winch`, with RQ's rule: workers run any function, load pickles, and `import rq` finds winch in them.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

import click

from winch import cli
from winch.compat.rq.configuring import settings_in, take_options, url_of
from winch.compat.rq.cron import CronScheduler
from winch.compat.rq.installing import install
from winch.errors import WinchError

__all__ = ["main", "rqinfo", "rqworker"]

_SETUP = "winch.compat.rq.executing_installed"
CRON = frozenset({"list", "sync", "pause", "resume", "run", "remove", "--help", "-h"})
"""What stands behind `winch cron`; anything else is the configuration of `rq cron`."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line. Ends the process.

    Args:
        arguments: The default is the process's own.
    """
    install()
    _set("WINCH_ALLOW", "*")
    _set("WINCH_PICKLE", "1")
    _set("WINCH_IMPORT", _SETUP, more=True)
    given = take_options(sys.argv[1:] if arguments is None else arguments)
    if given.ignored:
        click.echo(f"{', '.join(given.ignored)}: no effect, the classes are chosen in code", err=True)
    if url := _url(given.config or os.environ.get("RQ_CONFIG")):
        os.environ.setdefault("WINCH_URL", url)
    rest = given.rest
    if rest[:1] == ["cron"] and not (rest[1:2] and rest[1] in CRON):
        _cron(rest[1:], standalone_mode=True)
    cli.main(rest, prog_name="python -m winch.compat.rq")


def _url(config: str | None) -> str | None:
    """Where Redis is: RQ's variable, else its module, else the variables that it reads without one."""
    if os.environ.get("RQ_REDIS_URL"):
        return os.environ["RQ_REDIS_URL"]
    try:
        return url_of(settings_in(config) if config else os.environ)
    except ModuleNotFoundError as error:
        click.echo(f"Error: the module of --config or RQ_CONFIG, {config!r}, cannot be imported: {error}", err=True)
        sys.exit(2)


@click.command("cron")
@click.argument("config")
@click.option("-u", "--url", metavar="URL", help="The store. [WINCH_URL]")
@click.option("-l", "--logging-level", default="INFO", help="No effect.")
@click.option("-P", "--path", multiple=True, default=["."], help="Folder with your code, may be repeated. [.]")
def _cron(config: str, url: str | None, logging_level: str, path: tuple[str, ...]) -> None:
    """Write what CONFIG registers, a file or a module, and enqueue it when it is due."""
    sys.path[:0] = path
    try:
        scheduler = CronScheduler(url, logging_level)
        scheduler.load_config_from_file(config)
        scheduler.start()
    except (FileNotFoundError, ModuleNotFoundError) as error:
        raise cli.Misused(f"{config!r} cannot be read: {error}. Give a file, or a module and its --path") from error
    except WinchError as error:
        raise cli.told(error) from error


def _set(name: str, value: str, more: bool = False) -> None:
    known = os.environ.get(name)
    os.environ[name] = f"{value},{known}" if more and known else known or value


def rqworker(arguments: Sequence[str] | None = None) -> None:
    """Deprecated, as in RQ: `python -m winch.compat.rq worker`."""
    warnings.warn("rqworker is deprecated: python -m winch.compat.rq worker", DeprecationWarning, stacklevel=2)
    main(["worker", *(sys.argv[1:] if arguments is None else arguments)])


def rqinfo(arguments: Sequence[str] | None = None) -> None:
    """Deprecated, as in RQ: `python -m winch.compat.rq info`."""
    warnings.warn("rqinfo is deprecated: python -m winch.compat.rq info", DeprecationWarning, stacklevel=2)
    main(["info", *(sys.argv[1:] if arguments is None else arguments)])
