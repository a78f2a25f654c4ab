"""A real HTTP server that is told of jobs' ends, and answers as a test wants it."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["CERTIFICATE", "HookServer", "Received", "hook_server"]

CERTIFICATE = Path(__file__).parent / "localhost.pem"
"""Of the host `localhost` and of nothing else, signed by itself, with its key; until 2126."""


class Received(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class HookServer:
    """What it was told, and what it answers.

    Attributes:
        received: Requests, oldest first.
        answers: Statuses of the next responses; then 200.
        headers: Of every response.
    """

    def __init__(self, port: int, scheme: str) -> None:
        self.port, self.scheme = port, scheme
        self.received: list[Received] = []
        self.answers: deque[int] = deque()
        self.headers: dict[str, str] = {}

    def url(self, path: str = "/hook", host: str = "localhost") -> str:
        """Where it listens."""
        return f"{self.scheme}://{host}:{self.port}{path}"


@contextmanager
def hook_server(*, tls: bool = False, port: int = 0) -> Generator[HookServer]:
    """A server on 127.0.0.1 while this lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            hook.received.append(Received(self.command, self.path, dict(self.headers), body))
            self.send_response(hook.answers.popleft() if hook.answers else 200)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name that http.server asks for

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    hook = HookServer(server.server_port, "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
