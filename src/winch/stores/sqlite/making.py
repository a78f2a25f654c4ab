"""Jobs that the store itself creates: those of callbacks, and of the completion of groups."""
# A job's `id` is called so here, as in the contract:

from __future__ import annotations

from winch.states import JobStatus
from winch.stores.contract import NewJob
from winch.stores.sqlite.codes import CODES
from winch.stores.sqlite.features import PAYLOAD
from winch.stores.sqlite.payloads import LARGE, keep_payload
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import Transaction

__all__ = ["make_job"]

_QUEUED = CODES[JobStatus.QUEUED]


def make_job(tx: Transaction, job: NewJob, features: int = 0) -> int | None:
    """Create a job at the front of its queue. Returns its number; None if it waits or runs already."""
    tx.jobs += 1
    is_large = len(job.payload) > LARGE
    tx.db.execute(q.delete_ended, (job.id,))
    values = {
        "number": tx.jobs,
        "id": job.id,
        "queue": job.queue,
        "features": features | PAYLOAD * is_large,
        "priority": job.priority,
        "score": tx.score(job.priority, at_front=True),
        "max_crashes": job.max_crashes,
        "now": tx.now,
        "result_ttl": job.result_ttl,
        "failure_ttl": job.failure_ttl,
        "payload": b"" if is_large else job.payload,
    }
    if not tx.db.execute(q.make_job, values).rowcount:
        return None
    if is_large:
        keep_payload(tx, tx.jobs, job.payload)
    tx.count(job.queue, _QUEUED, 1)
    tx.ready.add(job.queue)
    return tx.jobs
