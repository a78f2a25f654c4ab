"""Exception handlers: functions of whoever runs the worker, called for each attempt that failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from winch.job import Job
from winch.running.showing import showing

__all__ = ["Handler", "call_handlers"]

Handler = Callable[..., Any]
"""Takes `(job, type, value, traceback)`."""

logger = logging.getLogger("winch.worker")


def call_handlers(handlers: Sequence[Handler], job: Job[Any], error: BaseException) -> None:
    """Call one after the other. One that returns something false other than None is the last.

    What a handler raises is logged and changes nothing, neither for the job nor for the handlers after it.
    """
    shown = showing().job(job)
    for handler in handlers:
        try:
            answer = handler(shown, type(error), error, error.__traceback__)
        except BaseException:
            logger.exception("an exception handler failed for job %s", job.id)
            continue
        if answer is not None and not answer:
            return
