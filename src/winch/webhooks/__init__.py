"""Webhooks: telling an address of a job's end. Run by the small job that the end creates, like a callback.

1. `deliver` says in a few words what has become of the job.
2. `addresses.py` finds the addresses of the host, and takes those that may be called.
3. `sending.py` calls one of them, and no other, whatever the name says by then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from winch.config import settings
from winch.job import Job, current_job
from winch.version import VERSION
from winch.webhooks.addresses import Allowed
from winch.webhooks.sending import Request, send

__all__ = ["deliver", "report"]

_STATUS = {"success": "finished", "failure": "failed", "stopped": "stopped"}


def deliver(
    job: Job[Any], event: str, url: str, method: str, headers: Sequence[tuple[str, str]], timeout: float
) -> int:
    """Tell an address of a job's end. Returns the status of the response, 200 to 299.

    Args:
        job: As it ended.
        event: `success`, `failure` or `stopped`.
        url: Where to.
        method: `GET`, or `POST` with a body that tells of the job.
        headers: Pairs of name and value.
        timeout: Seconds that it may take.

    Raises:
        WebhookFailed: It did not arrive, or was answered with another status.
        WebhookRefused: The address may not be called, or leads elsewhere.
    """
    sent = {"User-Agent": f"winch/{VERSION}"}
    delivery = current_job()
    if delivery is not None:
        sent["Webhook-Id"] = delivery.id  # the same each time that this delivery is tried
    body = b""
    if method == "POST":
        sent["Content-Type"] = "application/json"
        body = json.dumps(report(job, _STATUS[event])).encode()
    sent |= dict(headers)
    return send(Request(url, method, sent, body), timeout, Allowed.of(settings().webhook_allow))


def report(job: Job[Any], status: str) -> dict[str, Any]:
    """What the body says of a job (RQ's fields): times are ISO 8601 in UTC, None for never.

    Args:
        job: As it ended.
        status: `finished`, `failed` or `stopped`.
    """
    last = job.attempts[-1] if job.attempts else None
    ended = job.ended_at or (last.ended_at if last else None)  # a job that is repeated has not ended
    said: dict[str, Any] = {
        "job_id": job.id,
        "func_name": job.func_name,
        "status": status,
        "enqueued_at": job.enqueued_at.isoformat() if job.enqueued_at else None,
        "ended_at": ended.isoformat() if ended else None,
    }
    if status == "failed":
        said["exc_info"] = job.exc_info
    return said
