"""Where settings come from: flags > `WINCH_*` > a module > `winch.toml` > `[tool.winch]` in pyproject.toml > defaults.

The module is named by `WINCH_CONFIG` and holds a dict `WINCH`. All three have the same keys: those of `Settings`, and a table
for each command of the command line with its options, which this module hands over unread.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from winch.callables.paths import project_root
from winch.errors import InvalidOption

__all__ = ["Settings", "command_tables", "default_url", "load_settings", "project_root", "reset_settings", "settings"]

_VARIABLES = {
    "url": "WINCH_URL",
    "allow": "WINCH_ALLOW",
    "path": "WINCH_PATH",
    "imports": "WINCH_IMPORT",
    "cron": "WINCH_CRON",
    "deadline": "WINCH_DEADLINE",
    "pickle": "WINCH_PICKLE",
    "webhook_allow": "WINCH_WEBHOOK_ALLOW",
}
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for this process.

    Attributes:
        url: The address of the store.
        allow: Patterns of functions that may run besides the project's own.
        path: Folders that hold the user's code, besides the project's.
        imports: Modules that a worker imports first.
        cron: Modules whose cron entries a worker writes to the store.
        deadline: Seconds that a call to the store may take.
        pickle: Whether pickled arguments and results may be loaded.
        webhook_allow: Hosts, addresses and networks that webhooks may call though they are not public.
    """

    url: str
    allow: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    cron: tuple[str, ...] = ()
    deadline: float = 5.0
    pickle: bool = False
    webhook_allow: tuple[str, ...] = ()


def default_url() -> str:
    """The embedded store of the project: `.winch/jobs.db` in `project_root()`, as an absolute URL."""
    return f"sqlite:///{project_root() / '.winch' / 'jobs.db'}"


def load_settings(flags: Mapping[str, object] | None = None) -> Settings:
    """Put the settings together, anew.

    Args:
        flags: What was given on the command line; None and empty values were not given.

    Raises:
        InvalidOption: A value cannot be used, or a key in a file is unknown.
    """
    root = project_root()
    values: dict[str, Any] = {"url": default_url()}
    for source, given in (*_from_files(root), *_from_environment(), ("the command line", flags or {})):
        for name, value in given.items():
            if value is not None and value not in ("", ()):
                values[name] = _convert(name, value, source)
    return Settings(**values)


_cached: list[Settings] = []


def settings() -> Settings:
    """The settings of this process, read at the first use.

    Raises:
        InvalidOption: As `load_settings`.
    """
    if not _cached:
        _cached[:] = [load_settings()]
    return _cached[0]


def reset_settings() -> None:
    """Read them again at the next use, e.g. after the environment was changed."""
    _cached.clear()


def _from_environment() -> list[tuple[str, dict[str, object]]]:
    return [(variable, {name: os.environ[variable]}) for name, variable in _VARIABLES.items() if variable in os.environ]


def command_tables(command: str, commands: Collection[str]) -> list[tuple[str, Mapping[str, object]]]:
    """What the project's files and module say of a command's options: source and table, the stronger last.

    Args:
        command: Its name, `worker`.
        commands: The names of all commands.

    Raises:
        InvalidOption: A file or the module cannot be read, or has a table that belongs to no command.
    """
    found: list[tuple[str, Mapping[str, object]]] = []
    for source, table in _tables(project_root()):
        tables = [key for key, value in table.items() if isinstance(value, dict)]
        _check_names(tables, commands, f"{source} has an unknown table")
        if isinstance(own := table.get(command), dict):
            found.append((source, cast("Mapping[str, object]", own)))
    return found


def _from_files(root: Path) -> list[tuple[str, Mapping[str, object]]]:
    """What the project's files and module say, the stronger last, without the tables of commands."""
    found: list[tuple[str, Mapping[str, object]]] = []
    for source, table in _tables(root):
        own = {key: value for key, value in table.items() if not isinstance(value, dict)}
        _check_names(own, [field.name for field in fields(Settings)], f"{source} has an unknown key")
        found.append((source, own))
    return found


def _tables(root: Path) -> list[tuple[str, Mapping[str, object]]]:
    files = ((root / "pyproject.toml", ("tool", "winch")), (root / "winch.toml", ()))
    tables = [(str(file), _read_table(file, section)) for file, section in files if file.is_file()]
    if module := os.environ.get("WINCH_CONFIG"):
        tables.append((f"the module {module}", _read_module(module)))
    return tables


def _read_module(name: str) -> Mapping[str, object]:
    try:
        table: Any = import_module(name).WINCH
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidOption(f"WINCH_CONFIG={name}: it must be a module with a dict WINCH: {error}") from error
    if not isinstance(table, dict):
        raise InvalidOption(f"WINCH_CONFIG={name}: its WINCH is no dict")
    return cast("Mapping[str, object]", table)


def _read_table(file: Path, section: Sequence[str]) -> Mapping[str, object]:
    import tomllib

    try:
        text = file.read_text(encoding="utf-8")
        if section and "tool.winch" not in text.replace(" ", "").replace('"', ""):
            return {}
        table: dict[str, Any] = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise InvalidOption(f"{file} cannot be read: {error}") from error
    for name in section:
        found: object = table.get(name, {})
        if not isinstance(found, dict):
            raise InvalidOption(f"{file}: {'.'.join(section)} must be a table, and {name} is {found!r:.50}")
        table = cast("dict[str, Any]", found)
    return table


def _check_names(names: Iterable[str], known: Collection[str], what: str) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise InvalidOption(f"{what} {name!r}: {hint}")


def _convert(name: str, value: object, source: str) -> object:
    match name:
        case "url" if isinstance(value, str):
            return value
        case "allow" | "path" | "imports" | "cron" | "webhook_allow" if isinstance(value, str):
            separator = os.pathsep if name == "path" else ","
            return tuple(part.strip() for part in value.split(separator) if part.strip())
        case "allow" | "path" | "imports" | "cron" | "webhook_allow" if isinstance(value, list | tuple):
            return tuple(str(part) for part in cast("Sequence[object]", value))
        case "deadline":
            return _deadline(value, source)
        case "pickle":
            return _flag(value, source)
        case _:
            raise InvalidOption(f"{source}: {name} cannot be {value!r}")


def _deadline(value: object, source: str) -> float:
    try:
        number = float(cast(Any, value))
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < 1e6:
        raise InvalidOption(f"{source}: deadline={value!r}: give seconds, more than 0")
    return number


def _flag(value: object, source: str) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise InvalidOption(f"{source}: pickle={value!r}: give 1 or 0")
    return text in _TRUE
