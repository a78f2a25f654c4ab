"""Running jobs in a test."""

from __future__ import annotations

from typing import Any

from tests.compat.side import rq


def work(queue: Any, **options: Any) -> bool:
    """Run what there is, in this process."""
    return rq.SimpleWorker([queue], connection=queue.connection).work(burst=True, **options)
