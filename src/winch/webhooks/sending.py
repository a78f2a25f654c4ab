"""One HTTP request to an address that has been checked. No redirect is followed, and no body is read."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from winch.errors import WebhookFailed, WebhookRefused
from winch.webhooks.addresses import Allowed, addresses_of

__all__ = ["Request", "send"]

_AS_THEY_ARE = "/?:@!$&'()*+,;=~%-._[]"


@dataclass(frozen=True, slots=True)
class Request:
    """What to send.

    Attributes:
        url: `http` or `https`.
        method: `GET` or `POST`.
        headers: By name.
        body: May be empty.
    """

    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes = b""


class _Target(NamedTuple):
    """An address, taken apart."""

    is_tls: bool
    host: str
    port: int
    path: str


def send(request: Request, timeout: float, allowed: Allowed, context: ssl.SSLContext | None = None) -> int:
    """Send a request, once. Returns the status of the response, 200 to 299.

    Args:
        request: What.
        timeout: Seconds for all of it.
        allowed: What may be called besides public addresses.
        context: For TLS; the default trusts what the system trusts, and checks the host's name.

    Raises:
        WebhookFailed: There was no response in time, or one with another status.
        WebhookRefused: The address may not be called, or the response leads elsewhere.
    """
    until = time.monotonic() + timeout
    target = _target_of(request.url)
    addresses = addresses_of(target.host, target.port, allowed)
    where = f"{request.method} {target.host}:{target.port}"
    if target.is_tls and context is None:
        context = ssl.create_default_context()
    try:
        with _connect(addresses, target, until, context) as line, _ask(line, target, request, until) as response:
            pass
    except (OSError, http.client.HTTPException) as error:
        raise WebhookFailed(f"{where}: {type(error).__name__}: {error}") from None
    if 300 <= response.status < 400:
        leads = response.getheader("Location", "nowhere")[:500]
        raise WebhookRefused(
            f"{where}: status {response.status} leads to {leads!r}; give the webhook the final address"
        )
    if not 200 <= response.status < 300:
        raise WebhookFailed(f"{where}: status {response.status} {response.reason[:200]}")
    return response.status


def _target_of(url: str) -> _Target:
    """The parts of an address. It comes from the store, so it is checked again.

    Raises:
        WebhookRefused: It is no http or https address.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not host:
        raise WebhookRefused(f"{url!r:.200} is no http or https address")
    path = quote(parts.path or "/", safe=_AS_THEY_ARE)
    query = f"?{quote(parts.query, safe=_AS_THEY_ARE)}" if parts.query else ""
    is_tls = parts.scheme == "https"
    return _Target(is_tls, host, port or (443 if is_tls else 80), path + query)


def _connect(addresses: list[str], target: _Target, until: float, context: ssl.SSLContext | None) -> socket.socket:
    """A connection to the first of these addresses that takes one. For TLS the host's name is checked, not the address."""
    line = _dial(addresses, target.port, until)
    if not target.is_tls or context is None:
        return line
    try:
        line.settimeout(_left(until))
        return context.wrap_socket(line, server_hostname=target.host)
    except BaseException:
        line.close()
        raise


def _dial(addresses: list[str], port: int, until: float) -> socket.socket:
    failed: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=_left(until))
        except OSError as error:
            failed = error
    raise failed or OSError("the host has no address")


def _ask(line: socket.socket, target: _Target, request: Request, until: float) -> http.client.HTTPResponse:
    """Send the request over this line, and read the head of the response."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.default_port = 443 if target.is_tls else 80  # for the header Host
    connection.auto_open = 0  # never a connection of its own, to an address that nobody has checked
    connection.sock = line
    line.settimeout(_left(until))
    connection.request(request.method, target.path, request.body or None, {**request.headers, "Connection": "close"})
    line.settimeout(_left(until))
    return connection.getresponse()


def _left(until: float) -> float:
    """Seconds until then.

    Raises:
        TimeoutError: The time is over.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left
