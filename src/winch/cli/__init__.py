"""The command line. Each command is a module of its own, loaded when it is called: `winch --version` stays quick."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from winch.cli.defaults import defaults_of
from winch.errors import InvalidOption, InvalidURL, StoreNotFound, UnimportableFunction, WinchError
from winch.version import VERSION

__all__ = ["Misused", "main", "told"]

COMMANDS = {
    "worker": "Run jobs.",
    "worker-pool": "Run jobs in several processes, with RQ's options.",
    "workers": "Show workers, and tell them what to do.",
    "enqueue": "Enqueue a job.",
    "info": "Show queues and workers.",
    "list": "List jobs.",
    "job": "Show a job.",
    "groups": "List groups of jobs.",
    "requeue": "Run jobs again.",
    "cancel": "Cancel jobs that have still to run.",
    "delete": "Delete jobs.",
    "empty": "Delete the queued jobs of queues.",
    "prune": "Delete jobs that ended long ago.",
    "import-rq": "Move the jobs of an RQ database into winch.",
    "completion": "Print what makes a shell complete commands.",
    "suspend": "Hand out no more jobs.",
    "resume": "Hand out jobs again.",
    "cron": "See and change what is enqueued again and again.",
    "demo": "See winch work: count the standard library's code with two executors.",
}
"""The commands and what each does. The module `winch.cli.<name>` holds its `command`."""


USAGE = (InvalidOption, InvalidURL, UnimportableFunction, StoreNotFound)
"""Errors that another command line avoids: exit code 2, as for what click itself does not understand."""


_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Misused(click.ClickException):
    """The command line, or a setting, cannot be used."""

    exit_code = 2


def told(error: WinchError) -> click.ClickException:
    """The error as a command ends with it: one line on stderr, and exit code 2 for the errors of `USAGE`, else 1."""
    return (Misused if isinstance(error, USAGE) else click.ClickException)(str(error))


class Commands(click.Group):
    """The commands of `COMMANDS`. An error of winch is told on stderr, without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; its module is imported now. The project's settings are the defaults of its options."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"winch.cli.{cmd_name.replace('-', '_')}").command
        if not ctx.resilient_parsing:
            ctx.default_map = {cmd_name: defaults_of(command, cmd_name, COMMANDS)}
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            click.ClickException: winch said no. Exit code 2 for the errors of `USAGE`, else 1.
        """
        try:
            return super().invoke(ctx)
        except WinchError as error:
            raise told(error) from error

    def main(self, *args: Any, **extra: Any) -> Any:
        """The whole program. An answer that cannot be written ends it with one line on stderr and exit code 1.

        A pipe whose reader has left is none of that: click ends then, and says nothing.
        """
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.errno not in _UNWRITABLE or error.filename is not None:
                raise
            # For what is still to be written, which Python tries at its end. Where stdout is no file it does not.
            with contextlib.suppress(Exception), Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
            click.echo(f"Error: the answer could not be written: {error.strerror}", err=True)
            sys.exit(1)


CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "auto_envvar_prefix": "WINCH"}


def _use_config(ctx: click.Context, param: click.Parameter, value: str | None) -> None:  # noqa: ARG001 - click's signature
    """Before the command is looked for: its defaults stand in the module, and what is started here sees the same."""
    if value:
        os.environ["WINCH_CONFIG"] = value


@click.command(cls=Commands, context_settings=CONTEXT)
@click.version_option(VERSION, prog_name="winch")
@click.option(
    "-c",
    "--config",
    metavar="MODULE",
    callback=_use_config,
    is_eager=True,
    expose_value=False,
    help="A module with settings in a dict WINCH. [WINCH_CONFIG]",
)
def main() -> None:
    """Background jobs for Python.

    Without --url or WINCH_URL jobs live in .winch/jobs.db in the project's folder. Each option of a command can be set by a
    variable, as WINCH_WORKER_PROCESSES=4, or in pyproject.toml, as processes = 4 in [tool.winch.worker].
    """
