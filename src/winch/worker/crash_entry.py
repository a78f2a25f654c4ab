"""The process of `on_crash`: `python -m winch.worker.crash_entry`, started by the supervisor (`crashes.py`).

What it has to tell comes on standard input, so that no password is ever in an argument list.
"""

from __future__ import annotations

import importlib
import json
import logging
import resource
import sys
from collections.abc import Callable, Sequence
from typing import Any

from winch.errors import NoSuchJob
from winch.job import Job, use_admission
from winch.running.showing import showing
from winch.worker.channel import settings_from
from winch.worker.crashes import Crash
from winch.worker.rule import admission_of
from winch.worker.surroundings import load_hooks, prepare

__all__ = ["main"]

logger = logging.getLogger("winch.worker")


def main() -> int:
    """The process: returns its exit status."""
    message = json.load(sys.stdin)
    settings = settings_from(message["settings"])
    prepare(settings, message["supervisor"])
    for name in settings.imports:
        importlib.import_module(name)
    use_admission(admission_of(settings))
    hooks = load_hooks(settings.on_crash, settings)
    for each in message["crashes"]:
        _tell(Crash(*each), hooks)
    return 0


def _tell(crash: Crash, hooks: Sequence[Callable[..., Any]]) -> None:
    try:
        job = Job[Any].fetch(crash.job)
    except NoSuchJob:
        logger.warning("on_crash is not called for job %s: it is gone by now", crash.job)
        return
    usage = resource.struct_rusage(crash.usage)
    for hook in hooks:
        try:
            hook(showing().job(job), crash.pid, crash.status, usage)
        except Exception:
            logger.exception("on_crash failed for job %s", crash.job)


if __name__ == "__main__":
    sys.exit(main())
