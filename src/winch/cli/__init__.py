"""The command line. Each command is a module of its own, loaded when it is called: `winch --version` stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from winch.errors import InvalidOption, InvalidURL, StoreNotFound, UnimportableFunction, WinchError

__all__ = ["main"]

COMMANDS = {
    "worker": "Run jobs.",
    "enqueue": "Enqueue a job.",
    "info": "Show queues and workers.",
    "demo": "See winch work: count the standard library's code with two executors.",
}
"""The commands and what each does. The module `winch.cli.<name>` holds its `command`."""


USAGE = (InvalidOption, InvalidURL, UnimportableFunction, StoreNotFound)
"""Errors that another command line avoids: exit code 2, as for what click itself does not understand."""


class Misused(click.ClickException):
    """The command line, or a setting, cannot be used."""

    exit_code = 2


class Commands(click.Group):
    """The commands of `COMMANDS`. An error of winch is told on stderr, without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """The command of that name; its module is imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"winch.cli.{cmd_name}").command
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
            kind = Misused if isinstance(error, USAGE) else click.ClickException
            raise kind(str(error)) from error


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="winch", prog_name="winch")
def main() -> None:
    """Background jobs for Python.

    Without --url or WINCH_URL jobs live in .winch/jobs.db in the project's folder.
    """
