"""For the logging of user code: which job a record comes from.

A job logs as any code does, through `logging`. To see in each line which job wrote it, add the filter to a handler, in a
module that the worker imports first (`winch worker --import shop.logs`):

    handler = logging.StreamHandler()
    handler.addFilter(JobContextFilter())
    handler.setFormatter(logging.Formatter("%(levelname)s %(job_id)s %(message)s"))
    logging.getLogger().addHandler(handler)
"""

from __future__ import annotations

import logging

from winch.job import current

__all__ = ["JobContextFilter"]


class JobContextFilter(logging.Filter):
    """Gives every record `job_id`, `job_queue` and `job_attempt`: of the job that logs, empty and 0 outside of jobs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields. Never drops a record."""
        running = current.get()
        claim = None if running is None else running.claim
        record.job_id = "" if claim is None else claim.id
        record.job_queue = "" if claim is None else claim.queue
        record.job_attempt = 0 if claim is None else claim.attempts + 1
        return True
