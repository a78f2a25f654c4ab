"""One connection to a server, over a socket: packed commands go out, answers come back.

`Wire` is that connection for the addresses that most use: `redis://`, `unix://` and the nodes of a cluster. For what needs more
(TLS, Sentinel, the client of a user) `driver.py` makes the same of redis-py. That costs 135 ms of processor time and 10 MB to
import, in every process, so it is loaded only there.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import hiredis

from winch.polling import readable

__all__ = [
    "OURS",
    "Argument",
    "Connection",
    "Connector",
    "Packed",
    "Parts",
    "Server",
    "ServerError",
    "Wire",
    "keepalive_options",
    "pack_command",
]


class Parts(tuple[bytes, ...]):
    """An argument that is sent as these, one behind the other: a large value need not be copied into one text."""

    __slots__ = ()


Argument = bytes | str | int | float | Parts
Packed = Sequence[bytes]
"""A command as it goes over the wire, in chunks."""

OURS = frozenset(
    (
        "connection_class",
        "decode_responses",
        "driver_info",
        "encoding",
        "encoding_errors",
        "event_dispatcher",
        "health_check_interval",
        "himport_registry",
        "legacy_responses",
        "lib_name",
        "lib_version",
        "max_connections",
        "parser_class",
        "protocol",
        "redis_connect_func",
        "retry",
        "retry_on_error",
        "retry_on_timeout",
        "socket_connect_timeout",
        "socket_keepalive",
        "socket_keepalive_options",
        "socket_read_size",
        "socket_timeout",
    )
)
"""What may be set for redis-py, in a URL or of a client, and is not taken over: it is ours to decide, or of a few releases."""

_READ = 65_536
_LARGE = 4_096
_TEXTS = frozenset((bytes, str))
_MISSING = object()


class ServerError(Exception):
    """The server has answered with an error: its text, `NOPERM this user has no ...`. The connection is still good."""


def pack_command(*words: Argument) -> Packed:
    """A command as it goes over the wire."""
    kinds = set(map(type, words))
    if Parts in kinds:
        return _in_chunks(words)
    if not kinds <= _TEXTS:
        # hiredis looks for signals when it prints a number, and a handler that raises then is the end of the process.
        words = tuple([word if type(word) in _TEXTS else str(word) for word in words])
    return (_pack(words),)


def _pack(words: Sequence[Argument]) -> bytes:
    # hiredis says "a tuple of one", and not what it returns
    return hiredis.pack_command(words)  # pyright: ignore[reportArgumentType, reportUnknownMemberType, reportUnknownVariableType]


def _in_chunks(words: Sequence[Argument]) -> Packed:
    """A command of which some words are `Parts`: each of their parts that is large is a chunk of its own."""
    chunks: list[bytes] = []
    small = [b"*%d\r\n" % len(words)]
    for word in words:
        if not isinstance(word, Parts):
            small.append(_pack((word if type(word) in _TEXTS else str(word),))[len(b"*1\r\n") :])
            continue
        small.append(b"$%d\r\n" % sum(map(len, word)))
        for part in word:
            if len(part) < _LARGE:
                small.append(part)
            else:
                chunks += (b"".join(small), part)
                small = []
        small.append(b"\r\n")
    return [*chunks, b"".join(small)]


def keepalive_options() -> dict[int, int]:
    """A peer that is silent for 5 s is asked three times, 2 s apart; unacknowledged bytes are given up after 11 s."""
    options: dict[int, int] = {}
    for name, value in (("KEEPIDLE", 5), ("KEEPINTVL", 2), ("KEEPCNT", 3), ("USER_TIMEOUT", 11_000)):
        number = getattr(socket, f"TCP_{name}", None)
        if number is not None:
            options[number] = value
    return options


class Connection(Protocol):
    """A connection that is connected and has logged in. All of it raises `OSError` when the server is gone or too slow."""

    def send(self, packed: Packed) -> None:
        """Send a command, as `pack_command` makes it."""
        ...

    def read(self) -> Any:
        """Read the answer that comes next; texts are bytes.

        Raises:
            ServerError: It is an error.
        """
        ...

    def has_answer(self) -> bool:
        """Whether something has come: `read` does not wait, or not for long."""
        ...

    def fileno(self) -> int:
        """A descriptor that becomes readable when an answer comes."""
        ...

    def close(self) -> None:
        """Hang up, also if another thread waits for an answer. Again is harmless."""
        ...


class Connector(Protocol):
    """Makes connections to one server."""

    def connect(self, timeout: float, *, keepalive: bool = False) -> Connection:
        """A new connection.

        Args:
            timeout: Seconds that connecting, sending and reading may each take.
            keepalive: Notice a peer that vanished while nothing is sent (TCP only).

        Raises:
            ServerError: The server refuses the login or the database.
            OSError: It does not answer.
        """
        ...

    def moved_to(self, host: str, port: int) -> Connector:
        """The same for another node of its cluster."""
        ...


@dataclass(frozen=True)
class Server:
    """A server that is reached without TLS, and what it wants to know first: a `Connector`.

    Attributes:
        path: Of its Unix socket; `""` for TCP.
    """

    host: str = "localhost"
    port: int = 6379
    path: str = ""
    database: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    client_name: str = ""

    def connect(self, timeout: float, *, keepalive: bool = False) -> Wire:
        """See `Connector.connect`."""
        wire = Wire(self._socket(timeout, keepalive=keepalive))
        try:
            for command in self._greeting():
                wire.send(pack_command(*command))
                wire.read()
        except BaseException:
            wire.close()
            raise
        return wire

    def moved_to(self, host: str, port: int) -> Server:
        """See `Connector.moved_to`."""
        return replace(self, host=host, port=port)

    def _socket(self, timeout: float, *, keepalive: bool) -> socket.socket:
        if self.path:
            local = socket.socket(socket.AF_UNIX)
            local.settimeout(timeout)
            try:
                local.connect(self.path)
            except BaseException:
                local.close()
                raise
            return local
        remote = socket.create_connection((self.host, self.port), timeout)
        remote.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if keepalive:
            remote.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for number, value in keepalive_options().items():
                remote.setsockopt(socket.IPPROTO_TCP, number, value)
        return remote

    def _greeting(self) -> list[tuple[Argument, ...]]:
        commands: list[tuple[Argument, ...]] = []
        if self.user:
            commands.append(("AUTH", self.user, self.password))
        elif self.password:
            commands.append(("AUTH", self.password))
        if self.client_name:
            commands.append(("CLIENT", "SETNAME", self.client_name))
        if self.database:
            commands.append(("SELECT", self.database))
        return commands


class _Socket(socket.socket):
    """Closed when nobody holds it any more, without a word: a thread that ends, or the program, leaves its connections behind.

    `weakref.finalize` would do for threads. What lives until the end of the program it does not close, and then Python warns.
    """

    def __del__(self) -> None:
        self.close()


class Wire:
    """See the module: a `Connection`.

    Args:
        sock: Connected, with a timeout.
    """

    def __init__(self, sock: socket.socket) -> None:
        timeout = sock.gettimeout()
        self._socket = _Socket(sock.family, sock.type, sock.proto, sock.detach())
        self._socket.settimeout(timeout)
        self._pid = os.getpid()
        self._reader = hiredis.Reader(ConnectionError, ServerError, notEnoughData=_MISSING)

    def send(self, packed: Packed) -> None:
        """See `Connection.send`."""
        for chunk in packed:
            self._socket.sendall(chunk)

    def read(self) -> Any:
        """See `Connection.read`."""
        while (answer := self._reader.gets()) is _MISSING:
            data = self._socket.recv(_READ)
            if not data:
                raise ConnectionError("the server has closed the connection")
            self._reader.feed(data)
        if isinstance(answer, ServerError):
            raise answer
        return answer

    def has_answer(self) -> bool:
        """See `Connection.has_answer`."""
        return self._reader.has_data() or bool(readable([self], 0))

    def fileno(self) -> int:
        """See `Connection.fileno`."""
        return self._socket.fileno()

    def close(self) -> None:
        """See `Connection.close`. In a child of `fork` the parent's connection goes on."""
        if os.getpid() == self._pid:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
