"""The page about the command line tells every option, and no other."""

import re
from pathlib import Path

import click
import pytest

from winch.cli import COMMANDS, main

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def _section(name: str) -> str:
    """The part of the page about one command."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## `winch {name}")[2]
    return text.partition("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_told(name: str) -> None:
    """Every option has its row, those of commands below it too; `--url` is told once for all."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    commands = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    parameters = [parameter for each in commands for parameter in each.params]
    options = [option for option in parameters if isinstance(option, click.Option) and not option.hidden]
    names = {name for option in options for name in option.opts} - {"-u", "--url"}
    told = {name for row in re.findall(r"^\| (`-.+?`) \|", _section(name), re.MULTILINE) for name in row.split("`")}
    assert {name for name in told if name.startswith("-")} == names
