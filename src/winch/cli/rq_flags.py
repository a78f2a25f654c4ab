"""Options of `rq worker` that `winch worker` takes under other names, or has no use for: so that a command line still works.

They are left out of `--help`; docs/cli.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from winch.worker.order import order_of

__all__ = ["rq_flags"]

_ALIASES = (
    click.option("--logging_level", "rq_log_level", hidden=True),
    click.option("-ds", "--dequeue-strategy", "rq_order", hidden=True),
)

_WITHOUT_EFFECT = (
    click.option("-s", "--with-scheduler", is_flag=True, hidden=True, expose_value=False),
    click.option("-d", "--disable-default-exception-handler", is_flag=True, hidden=True, expose_value=False),
    click.option("--disable-job-desc-logging", is_flag=True, hidden=True, expose_value=False),
    click.option("--results-ttl", hidden=True, expose_value=False),
    click.option("--maintenance-interval", hidden=True, expose_value=False),
    click.option("--job-monitoring-interval", hidden=True, expose_value=False),
)


def rq_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take RQ's options, too. The command gets them under winch's names, unless it is given those as well."""

    @wraps(command)
    def translated(rq_log_level: str | None, rq_order: str | None, **options: Any) -> Any:
        if rq_log_level is not None and options["log_level"] is None:
            options["log_level"] = rq_log_level.upper()
        if rq_order is not None and options["order"] is None:
            options["order"] = order_of(rq_order)
        return command(**options)

    for option in reversed((*_ALIASES, *_WITHOUT_EFFECT)):
        translated = option(translated)
    return translated
