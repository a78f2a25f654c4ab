"""A job's callbacks and webhooks as the store takes them: small calls of their own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from winch.callables import DELIVER, path_of
from winch.codec import dumps_call
from winch.options import CallbackEvent, JobOptions, Retry, RunOptions, Webhook
from winch.stores.contract import NewCallback

__all__ = ["new_callbacks"]

MARGIN = 5.0
"""Seconds that the job of a delivery may take longer than the delivery: it ends by itself, and says what went wrong."""

_EVENTS: dict[str, CallbackEvent] = {"finished": "success", "failed": "failure", "stopped": "stopped"}


def new_callbacks(options: JobOptions) -> tuple[NewCallback, ...]:
    """The callbacks and webhooks of a job, in the order in which they run.

    Raises:
        UnimportableFunction: A worker could not find a callback by name.
    """
    return (*_callbacks(options), *(_webhook(one) for one in options.webhooks))


def _callbacks(options: JobOptions) -> Iterator[NewCallback]:
    for event, wanted in options.callbacks:
        if not wanted.in_attempt:
            yield _callback(event, path_of(wanted.func), wanted.seconds, wanted.policy, wanted.each_attempt)


@lru_cache(maxsize=1024)
def _callback(event: CallbackEvent, path: str, timeout: float | None, retry: Retry | None, each: bool) -> NewCallback:
    run = RunOptions(timeout=timeout, retry=retry, kind="callback", event=event)
    return NewCallback(event, dumps_call(path, (), {}, run), each)


@lru_cache(maxsize=1024)
def _webhook(wanted: Webhook) -> NewCallback:
    event = _EVENTS[wanted.job_status]
    run = RunOptions(timeout=wanted.timeout + MARGIN, retry=wanted.retry, kind="webhook", event=event)
    arguments = (wanted.url, wanted.method, wanted.headers, wanted.timeout)
    return NewCallback(event, dumps_call(DELIVER, arguments, {}, run))
