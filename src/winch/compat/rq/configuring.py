"""RQ's configuration of its command line: which options it has that winch has not, and where it finds Redis."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import quote

__all__ = ["Given", "settings_in", "take_options", "url_of"]

CLASSES = {
    "-w": "--worker-class",
    "-j": "--job-class",
    "-S": "--serializer",
    "--queue-class": "--queue-class",
    "--connection-class": "--connection-class",
}
"""Options of RQ that choose a class: in winch code does."""

_LONG = frozenset(CLASSES.values())


class Given(NamedTuple):
    """A command line.

    Attributes:
        rest: What winch's command line takes.
        ignored: RQ's options that have no effect.
        config: The name of a module with settings, None for none.
    """

    rest: list[str]
    ignored: list[str]
    config: str | None


def take_options(arguments: Sequence[str]) -> Given:
    """Take out of a command line what only RQ's has: each of these options has a value, behind it or behind a `=`."""
    given = Given([], [], None)
    remaining = iter(arguments)
    for one in remaining:
        name, equals, value = one.partition("=")
        if name in ("-c", "--config"):
            given = given._replace(config=value if equals else next(remaining, None))
        elif name in CLASSES or name in _LONG:
            given.ignored.append(name)
            if not equals:
                next(remaining, None)
        else:
            given.rest.append(one)
    return given


def settings_in(module: str, paths: Sequence[str] = (".",)) -> Mapping[str, Any]:
    """The settings of a module: its names in capitals."""
    sys.path[:0] = paths
    return {name: value for name, value in vars(import_module(module)).items() if name.isupper()}


def url_of(settings: Mapping[str, Any]) -> str | None:
    """Where Redis is, of `REDIS_URL`, or of `REDIS_HOST` and its kin; None if neither says so."""
    if settings.get("REDIS_URL"):
        return str(settings["REDIS_URL"])
    if not settings.get("REDIS_HOST"):
        return None
    scheme = "rediss" if str(settings.get("REDIS_SSL", "")).lower() in ("1", "true", "yes") else "redis"
    password = settings.get("REDIS_PASSWORD")
    login = f":{quote(str(password), safe='')}@" if password else ""
    return (
        f"{scheme}://{login}{settings['REDIS_HOST']}:{settings.get('REDIS_PORT', 6379)}/{settings.get('REDIS_DB', 0)}"
    )
