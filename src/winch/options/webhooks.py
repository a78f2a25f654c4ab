"""Webhooks: addresses that are told of a job's end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from winch.errors import InvalidOption
from winch.options.durations import Duration, positive
from winch.options.retry import Retry

__all__ = ["Webhook", "WebhookMethod", "WebhookStatus", "Webhooks", "webhooks_of"]

WebhookStatus = Literal["finished", "failed", "stopped"]
WebhookMethod = Literal["GET", "POST"]

_PATIENTLY = Retry.exponential(8)


@dataclass(frozen=True, slots=True, init=False)
class Webhook:
    """An address that is told when a job has ended. Delivered by a small job of its own, retried, never in the job's way.

    Args:
        url: `http` or `https`.
        job_status: Which end it is told of: `"finished"`, `"failed"` (for good) or `"stopped"`.
        method: `"GET"`, RQ's default, or `"POST"` with a JSON body that tells of the job.
        headers: Sent along.
        timeout: Seconds that one attempt of the delivery may take.
        retry: How often a delivery that failed is tried again: a number, or a `Retry`. Default: 8 times within three hours,
            after waits that grow from 10 seconds to an hour. 0 is not at all.

    Raises:
        InvalidOption: A value cannot be used.
    """

    url: str
    job_status: WebhookStatus
    method: WebhookMethod
    headers: tuple[tuple[str, str], ...]
    timeout: float
    retry: Retry | None

    def __init__(
        self,
        url: str,
        job_status: WebhookStatus = "finished",
        *,
        method: WebhookMethod = "GET",
        headers: Mapping[str, str] | None = None,
        timeout: Duration = 10,
        retry: Retry | int | None = None,
    ) -> None:
        object.__setattr__(self, "url", _checked_url(url))
        if job_status not in get_args(WebhookStatus):
            raise InvalidOption(f'Webhook(job_status={job_status!r}): it is "finished", "failed" or "stopped"')
        if method not in get_args(WebhookMethod):
            raise InvalidOption(f'Webhook(method={method!r}): it is "GET" or "POST"')
        object.__setattr__(self, "job_status", job_status)
        object.__setattr__(self, "method", method)
        object.__setattr__(self, "headers", _checked_headers(headers or {}))
        object.__setattr__(self, "timeout", positive(timeout, "Webhook timeout"))
        object.__setattr__(self, "retry", _PATIENTLY if retry is None else Retry.of(retry))


Webhooks: TypeAlias = "Webhook | Sequence[Webhook]"


def webhooks_of(value: Webhooks) -> tuple[Webhook, ...]:
    """What `webhooks=` accepts, as a tuple.

    Raises:
        InvalidOption: It is something else.
    """
    found = (value,) if isinstance(value, Webhook) else tuple(value)
    if not all(isinstance(one, Webhook) for one in found):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"webhooks={value!r:.200}: give a Webhook, or a list of them")
    return found


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        usable, named = usable and url.isprintable() and " " not in url, parts.username is not None
    except (ValueError, AttributeError, TypeError):
        usable = named = False
    if named:
        raise InvalidOption("Webhook: the address holds a user or a password: send them in headers, e.g. Authorization")
    if not usable:
        raise InvalidOption(f"Webhook({url!r:.200}): give an http or https address")
    return url


def _checked_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    for name, value in headers.items():
        if not all(isinstance(text, str) and text.isprintable() for text in (name, value)) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"Webhook(headers=...): {name!r:.100} and its value must be one line of text")
    return tuple(headers.items())
