"""`rq.results`."""

from winch.job import Result

__all__ = ["Result"]
