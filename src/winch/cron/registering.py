"""What modules register when they are imported, to be written to a store later."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack
from zoneinfo import ZoneInfo

from winch.cron.entries import EntrySpec
from winch.cron.schedule import Misfire, Schedule
from winch.errors import InvalidOption
from winch.options import Duration, JobKeywords

__all__ = ["register", "registered"]

_registered: dict[str, dict[str, EntrySpec]] = {}
"""By the module that has registered them."""


def register(
    func: Callable[..., Any] | str,
    queue: str | None = None,
    *,
    cron: str | None = None,
    every: Duration | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    zone: str | ZoneInfo = "UTC",
    misfire: Misfire | int = "once",
    name: str | None = None,
    **options: Unpack[JobKeywords],
) -> None:
    """Have a function enqueued again and again. Nothing is written yet: `Cron.sync`, a worker or `winch cron sync` does that.

    `register(nightly, "reports", cron="0 3 * * *", zone="Europe/Berlin", retry=3)`

    Args:
        func: The function, or its import path. Made by `@task` it brings its queue and options.
        queue: The name of the queue; by default the task's, else `default`.
        cron: An expression of five fields (minute, hour, day, month, weekday), of six with seconds first, or `@hourly`,
            `@daily`, `@weekly`, `@monthly`, `@yearly`.
        every: Instead of `cron`: an interval in seconds (or `"10m"`), counted from the creation of the entry.
        args: Positional arguments of each call.
        kwargs: Keyword arguments of each call.
        zone: The time zone whose clock `cron` is about.
        misfire: What becomes of slots that were missed because no worker ran: `once` fires the newest of them, `skip` none
            that is more than a minute old, a number the newest so many, `all` 100.
        name: Unique in the store; by default the path of the function.
        **options: Of its jobs, as for `Queue.using`; without `job_id`, `depends_on` and `group`. With `unique` a slot is
            left out while the last job has not ended.

    Raises:
        InvalidOption: A value cannot be used, or the module has registered another entry of that name.
        EnqueueError: The call cannot be a job.
    """
    spec = EntrySpec.of(Schedule.of(cron, every, zone, misfire), func, queue, args, kwargs, name, options)
    module = str(sys._getframe(1).f_globals.get("__name__", ""))  # pyright: ignore[reportPrivateUsage]
    entries = _registered.setdefault(module, {})
    if entries.get(spec.name, spec) != spec:
        raise InvalidOption(f"{module} registers two cron entries named {spec.name!r}: give one of them another name=")
    entries[spec.name] = spec


def registered(module: str) -> list[EntrySpec]:
    """Import a module; what it and the modules below it have registered.

    Raises:
        InvalidOption: There is no such module, or two of them have registered entries of the same name.
    """
    if module.endswith(".py") or "/" in module:
        raise InvalidOption(f"{module!r} is a file: give the name of the module, as for `import`")
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise InvalidOption(f"there is no module {module!r}: give its name, and its folder with --path") from error
    found: dict[str, EntrySpec] = {}
    for owner, entries in _registered.items():
        if owner == module or owner.startswith(f"{module}."):
            if both := sorted(found.keys() & entries.keys()):
                raise InvalidOption(f"{owner} registers a cron entry {both[0]!r}, as another module of {module} does")
            found |= entries
    return list(found.values())
