"""Messages between a supervisor and an executor: one JSON object per line over a socket pair.

To the executor: the `Brief` first, then `{"do": "stop", "grace": s}`, `{"do": "lost", "tokens": [n]}`,
`{"do": "reconnect"}` and `{"do": "quiet", "on": true}`.
To the supervisor: `{"say": "ready"}`, `{"say": "failed", "traceback": text}` (it could not start) and
`{"say": "bye", "why": "stopped" | "recycled" | "spent" | "lost"}` right before it exits.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import asdict, dataclass
from typing import Any, cast

from winch.worker.settings import WorkerSettings

__all__ = ["Brief", "Channel", "settings_from"]


@dataclass(frozen=True, slots=True)
class Brief:
    """What an executor has to know. It comes over the channel, so a password is never in an argument list.

    Attributes:
        settings: The worker's.
        executor: Its id.
        worker_name: For the log.
        supervisor: The pid of its parent.
        vitals: The descriptor of its vitals.
        budget: How many jobs it may run, None for any number.
        quiet: It claims nothing for the time being.
    """

    settings: WorkerSettings
    executor: str
    worker_name: str
    supervisor: int
    vitals: int
    budget: int | None
    quiet: bool

    def as_message(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Brief:
        """From plain data."""
        rest: dict[str, Any] = {key: value for key, value in message.items() if key != "settings"}
        return cls(settings_from(message["settings"]), **rest)


def settings_from(given: dict[str, Any]) -> WorkerSettings:
    """Settings that came as plain data."""
    return WorkerSettings(**{key: _frozen(value) for key, value in given.items()})


def _frozen(value: Any) -> Any:
    """JSON has no tuples."""
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


class Channel:
    """One end of the line.

    Args:
        sock: A connected stream socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._rest = b""
        self._outgoing = b""
        self._lock = threading.Lock()
        self.closed = False

    def fileno(self) -> int:
        """Readable when messages have come, or the other end is gone."""
        return self._socket.fileno()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message without ever waiting: what the other end does not take now goes with a later `send` or `flush`.

        A peer that is gone is noticed when reading, not here: it may have left a message.
        """
        with self._lock:
            self._outgoing += json.dumps(message).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Send what is left to send, as far as the other end takes it."""
        with self._lock, contextlib.suppress(OSError):
            while self._outgoing:
                sent = self._socket.send(self._outgoing, socket.MSG_DONTWAIT)
                self._outgoing = self._outgoing[sent:]

    def receive_first(self) -> dict[str, Any]:
        """The first message. What comes behind it stays in the socket, for whoever waits until it is readable.

        Raises:
            EOFError: The other end is gone.
        """
        line = b""
        while not line.endswith(b"\n"):
            waiting = self._socket.recv(65_536, socket.MSG_PEEK)
            if not waiting:
                raise EOFError("the supervisor is gone")
            line += self._socket.recv((waiting.find(b"\n") + 1) or len(waiting))
        return json.loads(line)

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have come, waiting for at least one. `closed` is set when the other end is gone."""
        try:
            data = self._socket.recv(65_536)
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
