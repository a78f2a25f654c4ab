"""Webhooks: what is sent, and where it may not go."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from tests.hooks import CERTIFICATE, HookServer, hook_server
from winch.errors import InvalidOption, WebhookFailed, WebhookRefused
from winch.job import Job
from winch.states import JobStatus
from winch.stores.contract import AttemptRecord, JobRecord
from winch.webhooks import report
from winch.webhooks.addresses import Allowed, addresses_of, is_public
from winch.webhooks.sending import Request, send

LOCAL = Allowed.of(["127.0.0.0/8", "::1"])


@pytest.fixture
def hook() -> Iterator[HookServer]:
    """A server that is told."""
    with hook_server() as server:
        yield server


def get(url: str, allowed: Allowed = LOCAL, timeout: float = 5.0, context: ssl.SSLContext | None = None) -> int:
    """Send a plain GET."""
    return send(Request(url, "GET", {}), timeout, allowed, context)


# ---- sending --------------------------------------------------------------------------------------------------------


def test_a_request_arrives_as_it_was_sent(hook: HookServer) -> None:
    """Method, path, query, headers and body are those of the request; the host is named with its port."""
    request = Request(hook.url("/a b/ü?x=1&y=ä"), "POST", {"X-Key": "k"}, b"body")
    assert send(request, 5.0, LOCAL) == 200
    [received] = hook.received
    assert (received.method, received.path) == ("POST", "/a%20b/%C3%BC?x=1&y=%C3%A4")
    assert (received.headers["X-Key"], received.body) == ("k", b"body")
    assert received.headers["Host"] == f"localhost:{hook.port}"


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_a_success(hook: HookServer, status: int) -> None:
    """The status is returned."""
    hook.answers.append(status)
    assert get(hook.url()) == status


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_another_status_is_a_failure(hook: HookServer, status: int) -> None:
    """The error names method, host and status."""
    hook.answers.append(status)
    with pytest.raises(WebhookFailed, match=rf"GET localhost:{hook.port}: status {status}"):
        get(hook.url())


def test_a_redirect_is_not_followed(hook: HookServer) -> None:
    """It could lead to where no webhook may go. The error names where it leads, and the delivery is not tried again."""
    hook.answers.append(302)
    hook.headers["Location"] = "http://127.0.0.1/secret"
    with pytest.raises(WebhookRefused, match=r"status 302 leads to 'http://127.0.0.1/secret'"):
        get(hook.url())
    assert len(hook.received) == 1


def test_nobody_listens() -> None:
    """A refused connection is a failure."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # it is bound, and does not listen
        with pytest.raises(WebhookFailed, match="ConnectionRefusedError"):
            get(f"http://127.0.0.1:{bound.getsockname()[1]}/")


def test_silence_is_a_failure() -> None:
    """A server that accepts and never answers is given up on after the time-out."""
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(WebhookFailed, match=r"TimeoutError|timed"):
        get(f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout=0.2)


def test_junk_is_a_failure() -> None:
    """What is no HTTP is told as such."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(1000)
                line.sendall(b"220 smtp here\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(WebhookFailed, match="BadStatusLine"):
            get(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join()


def test_tls_checks_the_name_of_the_host() -> None:
    """The name in the address counts, not the address that is called: a certificate of another host is refused."""
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    with hook_server(tls=True) as hook:
        assert get(hook.url(), context=trusting) == 200
        assert hook.received[0].headers["Host"] == f"localhost:{hook.port}"
        with pytest.raises(WebhookFailed, match=r"not valid for '127\.0\.0\.1'"):
            get(hook.url(host="127.0.0.1"), context=trusting)
        with pytest.raises(WebhookFailed, match="CERTIFICATE_VERIFY_FAILED"):
            get(hook.url())
    assert len(hook.received) == 1


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1", "http:///x", "http://[", "http://h:99999/", ""],
)
def test_other_addresses_are_refused(url: str) -> None:
    """An address that was put into the store by other means is http or https, or it is refused."""
    with pytest.raises(WebhookRefused, match="is no http or https address"):
        get(url)


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\r\nY": "b"}, {"": "b"}], ids=["value", "name", "no name"])
def test_headers_stay_on_their_line(hook: HookServer, headers: dict[str, str]) -> None:
    """A forged header does not begin another one."""
    with pytest.raises((WebhookFailed, ValueError)):
        send(Request(hook.url(), "GET", headers), 5.0, LOCAL)
    assert hook.received == []


# ---- where it may go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:0001::", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
def test_what_is_not_public(text: str) -> None:
    """Private, loopback, link-local, shared, multicast and documentation, also when IPv6 carries it."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public(text: str) -> None:
    """Addresses of the Internet."""
    assert is_public(ip_address(text))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_private_addresses_are_refused(hook: HookServer, host: str) -> None:
    """However they are written; the error says how to allow it, and nothing is sent."""
    with pytest.raises(WebhookRefused, match=r"which is not public.*WINCH_WEBHOOK_ALLOW="):
        get(hook.url(host=host), Allowed())
    assert hook.received == []


@pytest.mark.parametrize("entry", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.0/8"])
def test_what_the_settings_allow(hook: HookServer, entry: str) -> None:
    """A host's name, an address or a network."""
    assert get(hook.url(), Allowed.of([entry])) == 200


def test_what_no_setting_is() -> None:
    """An entry that is neither host, address nor network is told."""
    with pytest.raises(InvalidOption, match="neither a host, an address nor a network"):
        Allowed.of(["10.0.0.0/33"])


def resolving(*answers: list[str]) -> Any:
    """A resolver for `name.test` that answers one after the other; the last stays."""
    real, left = socket.getaddrinfo, list(answers)

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "name.test":
            return real(host, port, *args, **kwargs)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [entry for address in found for entry in real(address, port, *args, **kwargs)]

    return resolve


def test_the_address_that_was_checked_is_the_one_that_is_called(
    hook: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that has another address a moment later (DNS rebinding) leads nowhere else."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving(["127.0.0.1"], ["127.0.0.99"]))
    assert get(hook.url(host="name.test"), Allowed.of(["127.0.0.1"])) == 200
    with pytest.raises(WebhookRefused, match=r"127\.0\.0\.99"):
        get(hook.url(host="name.test"), Allowed.of(["127.0.0.1"]))
    assert len(hook.received) == 1


def test_private_ones_among_public_ones_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses only those that may be called are."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving(["10.0.0.1", "1.1.1.1", "::1"]))
    assert addresses_of("name.test", 80, Allowed()) == ["1.1.1.1"]


def test_the_next_address_is_tried(hook: HookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens at the first address of a name the next one is called."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving(["127.0.0.2", "127.0.0.1"]))
    assert get(hook.url(host="name.test")) == 200


@pytest.mark.parametrize("host", ["does-not-exist.invalid", "a" * 64 + ".test"])
def test_a_name_that_nobody_knows(host: str) -> None:
    """It may be known later."""
    with pytest.raises(WebhookFailed, match="cannot be resolved"):
        get(f"http://{host}/")


# ---- what it says ---------------------------------------------------------------------------------------------------


def test_what_the_body_says_of_a_failed_job() -> None:
    """RQ's fields, with the traceback."""
    from tests.model import ModelStore
    from winch import codec

    error = codec.dumps_error("builtins.ValueError", ["builtins.ValueError"], "no", "Traceback: no")
    ended = AttemptRecord(1_000, 2_000, "failed", "raised", "w", error)
    record = JobRecord(
        *("one", "q", JobStatus.FAILED, codec.dumps_call("shop.send", (1,), {})),
        enqueued_at=500,
        ended_at=2_000,
        attempts=1,
        history=(ended,),
    )
    assert report(Job[Any].from_record(ModelStore(), record), "failed") == {
        "job_id": "one",
        "func_name": "shop.send",
        "status": "failed",
        "enqueued_at": "1970-01-01T00:00:00.500000+00:00",
        "ended_at": "1970-01-01T00:00:02+00:00",
        "exc_info": "Traceback: no",
    }
