"""The defaults of a command's options from the project's settings: `[tool.winch.worker]` and the like."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click

from winch.config import command_tables
from winch.errors import InvalidOption

__all__ = ["defaults_of", "see_folder"]


def see_folder() -> None:
    """Let modules of the working directory be imported: `python -m winch` does, the script `winch` does not."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)


def defaults_of(command: click.Command, name: str, commands: Collection[str]) -> dict[str, Any]:
    """Defaults by the parameters' names, as click wants them. The module with settings is imported for it.

    Raises:
        InvalidOption: The settings name an option that the command has not, or have a table for none of the commands.
    """
    see_folder()
    params = {spelling: param for param in command.params for spelling in _spellings(param)}
    defaults: dict[str, Any] = {}
    for source, table in command_tables(name, commands):
        for key, value in table.items():
            if (param := params.get(key.replace("-", "_"))) is None:
                near = difflib.get_close_matches(key, params, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(params)) or 'none'}"
                raise InvalidOption(f"{source} has an unknown option {key!r} for `winch {name}`: {hint}")
            defaults[str(param.name)] = _fitted(param, value, f"{source}: {key} of `winch {name}`")
    return defaults


def _fitted(param: click.Parameter, value: Any, what: str) -> Any:
    """A value as click expects it: several for what may be repeated, and numbers as they would be typed."""
    is_one = type(value) not in (list, tuple, dict)
    if not is_one and not (param.multiple or param.nargs != 1):
        raise InvalidOption(f"{what} takes one value, not {value!r:.100}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return [value] if is_one and value is not None and param.multiple else value


def _spellings(param: click.Parameter) -> list[str]:
    """How a parameter may be called in a file: as its long option, or as the argument."""
    return [word.lstrip("-").replace("-", "_") for word in param.opts if word.startswith("--")] or [str(param.name)]
