"""A TCP proxy whose link can be made to fail: cut, refused, silent, slow, or losing just one request or reply.

    with Proxy(server.port) as proxy:              # or Proxy(server.socket)
        queue = Queue(connection=proxy.url)
        lost = proxy.drop_reply(b"EVALSHA")
        queue.enqueue(work)                        # executed once, its answer lost, asked again
        assert lost.is_set()

Every fault lasts until `heal()`, except those that are one event by nature: `cut`, `drop_request`, `drop_reply`. All
methods may be called from any thread at any time. It works in threads of the process that makes it; a child of that
process which connects to `proxy.port` is served as anybody else is.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends RST and forgets what was not sent."""


class _Link:
    """One client's connection and ours to the server in its name."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.is_cut = False
        self.is_lost = False
        self.drops_reply: threading.Event | None = None
        for end in (client, server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def cut(self) -> None:
        """End it: its thread wakes, and closes both ends with RST."""
        self.is_cut = True
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RD)  # wakes the poll, and tells the other side nothing yet


class _Loss:
    """What to do with the next request that contains `match`."""

    def __init__(self, match: bytes, *, reply_only: bool) -> None:
        self.match = match
        self.reply_only = reply_only
        self.happened = threading.Event()


class Proxy:
    """Listens on a free port of 127.0.0.1 and forwards to a server.

    Args:
        target: The server's port on 127.0.0.1, or the path of its Unix socket.
    """

    def __init__(self, target: int | Path) -> None:
        self._target = target
        self._changed = threading.Condition()
        self._links: set[_Link] = set()
        self._losses: list[_Loss] = []
        self._is_silent = False
        self._delay = 0.0
        self._holder = self._bound(0)
        self.port: int = self._holder.getsockname()[1]
        self._listener: socket.socket | None = None
        self._listen()

    @property
    def url(self) -> str:
        """Where a store finds the server through this proxy."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def links(self) -> int:
        """How many connections there are now."""
        with self._changed:
            return len(self._links)

    def cut(self) -> None:
        """End all connections with RST. New ones are served."""
        with self._changed:
            for link in self._links:
                link.cut()
            self._changed.notify_all()

    def refuse(self) -> None:
        """End all connections and refuse new ones, as a server that is down does."""
        with self._changed:
            listener, self._listener = self._listener, None
            if listener is not None:
                listener.shutdown(socket.SHUT_RDWR)  # wakes its thread
                listener.close()
                self._holder = self._bound(self.port)  # bound and not listening: keeps the port, refuses
        self.cut()

    def black_hole(self, *, for_good: bool = False) -> None:
        """Accept connections and bytes and forward nothing: no answer, no RST.

        After `heal` what was held back arrives, as after an unplugged cable. With `for_good` the connections of now
        stay silent also then, as behind a firewall that has forgotten them.
        """
        with self._changed:
            self._is_silent = True
            for link in self._links:
                link.is_lost |= for_good

    def delay(self, seconds: float) -> None:
        """Let everything arrive that much later, each way."""
        with self._changed:
            self._delay = seconds

    def drop_request(self, match: bytes) -> threading.Event:
        """Swallow the next request that contains `match`, and cut its connection. Returns what is set once it is done.

        A match must lie within the first 64 kB that the client sends at once.
        """
        return self._lose(_Loss(match, reply_only=False))

    def drop_reply(self, match: bytes) -> threading.Event:
        """Forward the next request that contains `match`, wait for its reply, swallow that and cut the connection.

        Returns what is set once it is done: then the server has executed the request.
        """
        return self._lose(_Loss(match, reply_only=True))

    def heal(self) -> None:
        """Work as a link should, from now on."""
        with self._changed:
            self._is_silent, self._delay = False, 0.0
            self._losses.clear()
            self._changed.notify_all()
            if self._listener is None:
                self._listen()

    def close(self) -> None:
        """End everything."""
        self.refuse()
        self._holder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lose(self, loss: _Loss) -> threading.Event:
        with self._changed:
            self._losses.append(loss)
        return loss.happened

    @staticmethod
    def _bound(port: int) -> socket.socket:
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        return holder

    def _listen(self) -> None:
        listener = self._listener = self._holder
        listener.listen(128)
        threading.Thread(target=self._accept, args=(listener,), name="proxy", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed by `refuse`
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), name="proxy link", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), self._reach() as server:
            link = _Link(client, server)
            with self._changed:
                link.is_cut = self._listener is None  # refused meanwhile
                self._links.add(link)
            try:
                self._carry(link)
            finally:
                with self._changed:
                    self._links.discard(link)

    def _reach(self) -> socket.socket:
        if isinstance(self._target, Path):
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._target))
            return server
        server = socket.create_connection(("127.0.0.1", self._target))
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server

    def _carry(self, link: _Link) -> None:
        """Forward both ways until one side ends, or the link is cut."""
        link.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll = select.poll()
        for end in (link.client, link.server):
            poll.register(end, select.POLLIN)
        while not link.is_cut:
            ready = {descriptor for descriptor, _ in poll.poll()}
            self._pause(link)
            if link.is_cut:
                return
            if link.client.fileno() in ready and not self._forward_request(link):
                return
            if link.server.fileno() in ready and not self._forward_reply(link):
                return

    def _pause(self, link: _Link) -> None:
        """Wait as long as nothing may pass."""
        with self._changed:
            self._changed.wait_for(lambda: link.is_cut or not (self._is_silent or link.is_lost))
            if self._delay and not link.is_cut:
                self._changed.wait_for(lambda: link.is_cut or not self._delay, self._delay)

    def _forward_request(self, link: _Link) -> bool:
        chunk = link.client.recv(_CHUNK)
        loss = self._loss_of(chunk)
        if loss is not None and loss.reply_only:
            link.drops_reply = loss.happened
        elif loss is not None:
            loss.happened.set()
            return False
        link.server.sendall(chunk)
        return bool(chunk)

    def _forward_reply(self, link: _Link) -> bool:
        chunk = link.server.recv(_CHUNK)
        if link.drops_reply is not None:
            link.drops_reply.set()
            return False
        link.client.sendall(chunk)
        return bool(chunk)

    def _loss_of(self, chunk: bytes) -> _Loss | None:
        """The loss that waits for this request, which is used up."""
        with self._changed:
            found = next((loss for loss in self._losses if loss.match in chunk), None)
            if found is not None:
                self._losses.remove(found)
            return found
