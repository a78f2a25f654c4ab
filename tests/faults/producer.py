"""A process that enqueues jobs under given ids, and may be started again: `python -m tests.faults.producer URL NOTES NAME...`."""

import contextlib
import sys

from tests.faults import jobs
from winch import Queue
from winch.errors import DuplicateJob, StoreUnavailable


def main(url: str, notes: str, *names: str) -> None:
    """Enqueue half of the jobs one by one, the others at once. What is there already is done."""
    queue = Queue(connection=url)
    half = len(names) // 2
    for name in names[:half]:
        with contextlib.suppress(DuplicateJob):
            queue.enqueue(jobs.work, notes, name, job_id=name)
    calls = [Queue.prepare_data(jobs.work, (notes, name), job_id=name) for name in names[half:]]
    with contextlib.suppress(DuplicateJob):
        queue.enqueue_many(calls)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except StoreUnavailable:
        sys.exit(1)
