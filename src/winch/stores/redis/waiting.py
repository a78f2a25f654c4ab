"""What a thread sleeps on: markers and hints (BLPOP), ends of jobs and completions of groups (SUBSCRIBE)."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from winch.errors import StoreError
from winch.polling import readable
from winch.stores.redis.calls import Calls, passes
from winch.stores.redis.wire import Connection, ServerError, pack_command

__all__ = ["ListWaiter", "Listening", "Subscription", "ask_again"]

_logger = logging.getLogger("winch")
_POLL_WHILE_BROKEN = 0.5
_UNBLOCK_PAUSE = 0.002
T = TypeVar("T")
_TROUBLE = (ServerError, OSError)


class Listening:
    """Whether a marker may have been taken here that no turn has seen to (PROTOCOL rule 29).

    Who takes the marker of a queue has it pushed back by the next turn, if work is left. So only a turn behind a sleep has
    to look: to ask for the markers of a thousand queues takes as long as twenty jobs.
    """

    def __init__(self) -> None:
        self._begun = self._ended = self._seen = 0

    def begin(self) -> None:
        """From here on a marker may be taken at any moment."""
        self._begun += 1

    def end(self) -> None:
        """From here on none is."""
        self._ended += 1

    def look(self) -> int | None:
        """For a turn that is sent now: what to give to `seen` with its answer. None if it need not look."""
        return self._ended if self._begun > self._seen else None

    def seen(self, ended: int | None) -> None:
        """A turn has looked."""
        self._seen = max(self._seen, ended or 0)


class ListWaiter:
    """A `Waiter` on lists: it blocks in BLPOP on a connection of its own.

    Without a connection its descriptor never becomes readable, and `poll` is short: then `take()` says "look for yourself"
    and `arm()` tries to connect again. A server that refuses to let it listen (rights, a key that is not ours) is asked
    again after a pause, so that it does not wake the sleeper over and over.
    """

    def __init__(self, calls: Calls, keys: Sequence[bytes], listening: Listening) -> None:
        self.poll: float | None = None
        self._calls, self._listening = calls, listening
        self._command = pack_command(b"BLPOP", *keys, 0)
        self._connection: Connection | None = None
        self._client = 0
        self._pid = os.getpid()
        self._is_armed = False
        self._silent = os.pipe()
        self._refused_until = 0.0
        self._told = ""

    def arm(self) -> None:
        """Start to listen, if it does not listen yet."""
        if self._is_armed and self._pid == os.getpid():
            return
        if time.monotonic() < self._refused_until:
            return
        try:
            if self._connection is None or self._pid != os.getpid():
                self._connect()
            self._listening.begin()
            self._is_armed, self.poll = True, None
            if self._connection is not None:
                self._connection.send(self._command)
        except _TROUBLE as error:
            self._drop(error)

    def fileno(self) -> int:
        """A descriptor that becomes readable when a hint comes."""
        return self._silent[0] if self._connection is None else self._connection.fileno()

    def take(self) -> bool:
        """Consume what has come. True: there may be work. It is disarmed then."""
        if not self._is_armed:
            return True
        return bool(readable([self], 0)) and self._read()

    def disarm(self) -> bool:
        """Stop to listen. True: a hint came while stopping."""
        if not self._is_armed or self._connection is None:
            return False
        try:
            has_answer = self._unblock(self.fileno())
        except (StoreError, *_TROUBLE) as error:
            has_answer = False
            _logger.debug("cannot end BLPOP: %s", error)
        if not has_answer:
            self._drop()
            return True
        return self._read()

    def close(self) -> None:
        """Release the descriptors."""
        self._drop()
        for end in self._silent:
            os.close(end)
        self._silent = (-1, -1)

    def _unblock(self, descriptor: int) -> bool:
        """Make BLPOP answer. False: it does not before the deadline.

        UNBLOCK takes another connection and may overtake BLPOP: then it answers 0 and has done nothing.
        """
        until, pause = time.monotonic() + self._calls.deadline, 0.0
        while not readable([descriptor], pause):
            if self._calls.command(b"CLIENT", b"UNBLOCK", self._client):
                return True
            if time.monotonic() >= until:
                return False
            pause = _UNBLOCK_PAUSE
        return True

    def _connect(self) -> None:
        connection = self._calls.connection()
        connection.send(pack_command(b"CLIENT", b"ID"))
        self._connection, self._client, self._pid = connection, int(connection.read()), os.getpid()

    def _read(self) -> bool:
        """Read the answer of BLPOP: whether it brought a hint. Trouble counts as one."""
        connection = self._connection
        self._rest()
        try:
            return connection is None or connection.read() is not None
        except _TROUBLE as error:
            self._drop(error)
            return True
        except BaseException:
            self._drop()
            raise

    def _rest(self) -> None:
        if self._is_armed:
            self._is_armed = False
            self._listening.end()

    def _drop(self, error: Exception | None = None) -> None:
        connection, self._connection = self._connection, None
        self._rest()
        self.poll = _POLL_WHILE_BROKEN
        if isinstance(error, ServerError):
            self._refused_until = time.monotonic() + _POLL_WHILE_BROKEN
            if not passes(error) and str(error) != self._told:
                self._told = str(error)
                _logger.warning(
                    "%s refuses BLPOP, looking every half second instead: %s", self._calls.address.place, error
                )
        if connection is not None:
            connection.close()


class Subscription:
    """A thread's subscription to what is published: the ends of jobs, the completion of groups."""

    def __init__(self, calls: Calls) -> None:
        self.pid = os.getpid()
        self._calls = calls
        self._connection: Connection | None = None

    def listen(self, channels: Sequence[bytes]) -> bool:
        """Subscribe, and return once that is certain. False if the connection cannot be made now."""
        try:
            if self._connection is None:
                self._connection = self._calls.connection()
            self._exchange(b"SUBSCRIBE", channels)
        except _TROUBLE:
            self.drop()
            return False
        except BaseException:
            self.drop()
            raise
        return True

    def leave(self, channels: Sequence[bytes]) -> None:
        """End the subscription and read what had still come; the connection is kept for the next time."""
        try:
            if self._connection is not None:
                self._exchange(b"UNSUBSCRIBE", channels)
        except _TROUBLE:
            self.drop()
        except BaseException:
            self.drop()
            raise

    def wait(self, timeout: float, wake: int | None) -> bool:
        """Sleep until there may be something to ask for; without a connection only briefly. False: `wake` became readable."""
        poll = select.poll()
        if self._connection is None:
            timeout = min(timeout, _POLL_WHILE_BROKEN)
        else:
            poll.register(self._connection, select.POLLIN)
        if wake is not None:
            poll.register(wake, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(max(0, timeout) * 1000)}
        if ready - {wake}:
            self._drain()
        return wake not in ready

    def drop(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def is_connected(self) -> bool:
        """Whether it still listens: trouble ends the connection, and `listen` is needed again."""
        return self._connection is not None

    def _exchange(self, verb: bytes, channels: Sequence[bytes]) -> None:
        """Send, and read until each channel is confirmed; messages that come between are dropped."""
        connection = self._connection
        if connection is None:
            return
        connection.send(pack_command(verb, *channels))
        left = len(channels)
        while left:
            left -= connection.read()[0] == verb.lower()

    def _drain(self) -> None:
        """Read what has come; it says only that it is time to ask."""
        connection = self._connection
        try:
            while connection is not None and connection.has_answer():
                connection.read()
        except _TROUBLE:
            self.drop()
        except BaseException:
            self.drop()
            raise


def ask_again(
    local: threading.local,
    calls: Calls,
    channels: Sequence[bytes],
    ask: Callable[[], tuple[T, bool]],
    timeout: float,
    wake: int | None,
) -> T:
    """Ask whenever something is published, until the answer is the one that was waited for.

    Args:
        local: Keeps the subscription of this thread.
        calls: Makes its connection.
        channels: Where it is published.
        ask: The answer, and whether it is the one.
        timeout: Seconds; 0 asks once.
        wake: A descriptor that ends the wait.
    """
    until = time.monotonic() + timeout
    answer, is_over = ask()
    if is_over or timeout <= 0:
        return answer
    subscription = _subscription(local, calls)
    is_listening = subscription.listen(channels)
    try:
        while True:
            answer, is_over = ask()  # after listening: what comes between the two questions is not missed
            left = until - time.monotonic()
            if is_over or left <= 0 or not subscription.wait(left, wake):
                return answer
            is_listening = (is_listening and subscription.is_connected) or subscription.listen(channels)
    finally:
        subscription.leave(channels)


def _subscription(local: threading.local, calls: Calls) -> Subscription:
    found: Subscription | None = getattr(local, "subscription", None)
    if found is None or found.pid != os.getpid():
        found = local.subscription = Subscription(calls)
    return found
