"""`rq.executions`."""

from winch.job import Execution

__all__ = ["Execution"]
