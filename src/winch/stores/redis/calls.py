"""The only caller of scripts: sends a call, reads its answer, and repeats it identically until one comes."""

from __future__ import annotations

import os
import random
import re
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from winch.errors import StoreError, StoreRefused, StoreUnavailable
from winch.stores.contract import Call
from winch.stores.handover import Holder, Left, nothing_left, take_over
from winch.stores.redis.addresses import Address
from winch.stores.redis.scripts import Script, script
from winch.stores.redis.wire import Argument, Connection, Packed, ServerError, pack_command

__all__ = ["Argument", "Calls", "Line", "OutOfMemory", "Refusal", "passes", "unless_refused"]

_RETRIED = frozenset(
    {"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS", "UNBLOCKED", "MOVED", "ASK"}
    | {"max number of clients"}
)
_ADVICE = {
    "OOM": "it is full (maxmemory): raise maxmemory, or let jobs be removed (result_ttl, failure_ttl)",
    "NOAUTH": "it wants a password: give it in the address, like redis://user:password@host",
    "WRONGPASS": "the user name or the password is wrong or missing: check the address",
    "NOPERM": "the user may not do this: allow +evalsha +script|load +mget +blpop +subscribe +client|unblock on its keys",
    "WRONGTYPE": "a key of the namespace holds something that is not winch's: choose another namespace",
    "MISCONF": "it cannot save its data and refuses writes: see the server's log",
    "NOSCRIPT": "it forgets scripts as soon as they are loaded",
}
_SETTING_UP = "Check the user, the password and the number of the database in the address"
_find_code = re.compile(rf"\b({'|'.join((*_RETRIED, *_ADVICE))})\b").search
_find_node = re.compile(r"MOVED \d+ (.*):(\d+)").search
_find_key = re.compile(r"WRONGTYPE (\{.*?)(?: script: \w+, on @user_script.*)?$").search  # as parts/look.lua tells it
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5
_ATTEMPTS_PER_DEADLINE = 2.5
"""A silent server is given up on after this part of the deadline, so that there is time for a second attempt."""


class Refusal(StoreError):
    """A script refused the call with a code of its own: `args` are the code and the numbers that follow it."""


class OutOfMemory(StoreRefused):
    """The server is at its maxmemory, and has written nothing."""


class Line:
    """A connection of one thread, and the channel on which the thread numbers its calls. A later thread goes on with both.

    Attributes:
        is_busy: A call is under way, or was when something was raised between question and answer: the answer that comes
            next is not for another.
        sent: Whether the last command has gone out, as far as is known.
    """

    def __init__(self, connect: Callable[[float], Connection], timeout: float) -> None:
        self.pid = os.getpid()
        self.channel = os.urandom(12).hex()
        self.number = 0
        self.is_busy = self.sent = self._is_asked = False
        self._connect = connect
        self._timeout = timeout
        self._connection: Connection | None = None
        self._is_hasty = False

    def next_call(self) -> Call:
        """A new number on the channel of this thread."""
        self.number += 1
        return Call(self.channel, self.number)

    def send(self, packed: Packed, within: float) -> None:
        """Send a command; connect first if need be, with timeouts no longer than `within` seconds."""
        self.sent = False
        try:
            if self._connection is None:
                self._open(within)
            connection = self._connection
            if connection is None:
                raise ConnectionError("the connection was closed by another thread")
            self.sent = self._is_asked = True
            connection.send(packed)
        except BaseException:
            self.drop()
            raise

    def read(self) -> Any:
        """Read the answer to what was sent. Errors of the server are raised; only then the connection stays."""
        try:
            connection = self._connection
            if connection is None:
                raise ConnectionError("the connection was dropped")
            answer = connection.read()
        except ServerError:
            self._is_asked = False
            raise
        except BaseException:
            self.drop()
            raise
        self._is_asked = False
        return answer

    def is_idle(self) -> bool:
        """Whether no call is under way, and none has been left in its middle."""
        return not self.is_busy

    def rest(self) -> None:
        """The call is over, unless its answer is still to come."""
        if self._is_hasty:
            self.drop()
        self.is_busy = self._is_asked

    def drop(self) -> None:
        """Close the connection; the next `send` makes a new one."""
        connection, self._connection, self._is_asked = self._connection, None, False
        if connection is not None:
            connection.close()

    def _open(self, within: float) -> None:
        self._is_hasty = within < self._timeout
        self._connection = self._connect(max(0.05, min(within, self._timeout)))


class Calls:
    """Calls scripts over connections that belong to the calling thread and to this process.

    Args:
        address: Where the store is.
        prefix: What its keys begin with.
        deadline: Seconds that a call may take in all.
        before_first: Called once, before the first script, with whether that one changes anything.
    """

    def __init__(self, address: Address, prefix: bytes, deadline: float, before_first: Callable[[bool], None]) -> None:
        self.address = address
        self.prefix = prefix
        self.deadline = deadline
        self.is_open = False
        self._before_first = before_first
        self._node = address  # in a cluster the node that holds our slot
        self._local = threading.local()
        self._left: Left[Line] = nothing_left()
        self._lines: weakref.WeakValueDictionary[int, Line] = weakref.WeakValueDictionary()

    def read(self, verb: str, *arguments: Argument) -> Any:
        """Call a script that changes nothing."""
        if not self.is_open:
            self._before_first(False)
        return self._finish(self._line("calls"), script(verb), self._pack(verb, *arguments))

    def change(self, verb: str, call: Call | None, *arguments: Argument) -> Any:
        """Call a changing script under a number: the one given, or the next of this thread.

        Raises:
            Refusal: The script refused; nothing was written.
            StoreRefused: The server refused.
            StoreUnavailable: There was no answer before the deadline.
        """
        if not self.is_open:
            self._before_first(True)
        line = self._line("calls", call)
        channel, number = call or line.next_call()
        return self._finish(line, script(verb), self._pack(verb, channel, str(number), *arguments))

    def next_call(self, use: str = "calls") -> Call:
        """A new number on the calling thread's own channel for a use."""
        if not self.is_open:  # before the line is taken: else the first calls would need another one
            self._before_first(True)
        return self._line(use).next_call()

    def begin_change(self, verb: str, call: Call, *arguments: Argument, use: str = "turns") -> Callable[[], Any]:
        """Send a changing call and return what reads its answer; on any trouble that repeats the identical call.

        It has a connection of its own for this use, so that other calls of the thread may come between.
        """
        if not self.is_open:
            self._before_first(True)
        line, packed = self._line(use, call), self._pack(verb, call.channel, str(call.number), *arguments)
        try:
            line.send(packed, self.deadline)
        except (ServerError, OSError):
            may_have_happened = line.sent
            return lambda: self._finish(line, script(verb), packed, may_have_happened=may_have_happened)
        return lambda: self._finish(line, script(verb), packed, is_sent=True)

    def command(self, *words: Argument) -> Any:
        """Send a command that is no script and changes no job; it is repeated in the same way."""
        return self._finish(self._line("calls"), None, pack_command(*words))

    def connection(self) -> Connection:
        """A new connection for somebody who waits on it."""
        return self._node.connect(self.deadline, keepalive=True)

    def close(self) -> None:
        """Close the connections of this process."""
        for reference in self._lines.valuerefs():
            line = reference()
            if line is not None and line.pid == os.getpid():
                line.drop()

    def _line(self, use: str, call: Call | None = None) -> Line:
        """The calling thread's connection for a use, for the call that was numbered on it or for a new one.

        It is another one, on another channel, after a fork, and where a call is under way: whoever asks now is a signal
        handler in the middle of that one, or comes after an exception that has ended it in its middle.
        """
        holder: Holder[Line] | None = getattr(self._local, use, None)
        line = holder.held if holder else None
        is_usable = line is not None and line.pid == os.getpid()
        if line is None or not is_usable or (line.is_busy and (call is None or call.channel != line.channel)):
            line = self._free_line()
            setattr(self._local, use, Holder(line, self._left))
        line.is_busy = True
        return line

    def _free_line(self) -> Line:
        """One that a thread has left, or a new one."""
        pid = os.getpid()
        line = take_over(self._left, lambda left: left.pid == pid)
        if line is None:
            line = Line(self._connect, self.deadline / _ATTEMPTS_PER_DEADLINE)
            self._lines[id(line)] = line  # no lock: one that is held during a fork is held for ever in the child
        return line

    def _connect(self, timeout: float) -> Connection:
        return self._node.connect(timeout)

    def _pack(self, verb: str, *arguments: Argument) -> Packed:
        return pack_command(b"EVALSHA", script(verb).sha, b"1", self.prefix, *arguments)

    def _finish(
        self,
        line: Line,
        wanted: Script | None,
        packed: Packed,
        *,
        is_sent: bool = False,
        may_have_happened: bool = False,
    ) -> Any:
        """Have a call answered, within a deadline that begins here."""
        try:
            return self._ask(line, wanted, packed, is_sent, may_have_happened)
        finally:
            line.rest()

    def _ask(self, line: Line, wanted: Script | None, packed: Packed, is_sent: bool, may_have_happened: bool) -> Any:
        """Send (unless it is sent), read, and do both again until there is an answer or the deadline has come."""
        until = time.monotonic() + self.deadline
        pause, loaded = _FIRST_PAUSE, False
        while True:
            try:
                if not is_sent:
                    line.send(packed, until - time.monotonic())
                return line.read()
            except (ServerError, OSError) as error:
                is_sent = False
                code = _code(error)
                if code == "NOSCRIPT" and wanted is not None and until - time.monotonic() > pause:
                    if loaded:  # forgotten between the loading and the call: somebody flushes them again and again
                        time.sleep(_FIRST_PAUSE * random.random())  # noqa: S311 - spreads clients, hides nothing
                    loaded = True
                    self._load(line, wanted, until)
                    continue
                self._judge(line, code, error)
                trouble: Exception = error
                may_have_happened |= line.sent and code is None
            left = until - time.monotonic()
            if left <= pause:
                raise self._unavailable(
                    may_have_happened, trouble, connected=line.sent or code is not None
                ) from trouble
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads clients, hides nothing
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _load(self, line: Line, wanted: Script, until: float) -> None:
        """Load a script. If the server is gone, the call that follows finds out.

        Raises:
            StoreError: The server refuses to load it, for good.
        """
        try:
            line.send(pack_command(b"SCRIPT", b"LOAD", wanted.text), until - time.monotonic())
            line.read()
        except ServerError as error:
            if _code(error) not in _RETRIED:
                raise self._refused(_code(error), error, setting_up=not line.sent) from error
        except OSError:
            pass

    def _judge(self, line: Line, code: str | None, error: Exception) -> None:
        """Drop the connection and return if the call is worth repeating; else raise what the error means."""
        if code == "MOVED":
            self._follow(error)
        elif isinstance(error, OSError):
            self._node = self.address.any_node()
        elif code not in _RETRIED:
            raise self._refused(code, error, setting_up=not line.sent) from error
        line.drop()

    def _follow(self, error: Exception) -> None:
        """Go where MOVED leads."""
        if found := _find_node(str(error)):
            self._node = self.address.moved_to(found[1], int(found[2]))

    def _refused(self, code: str | None, error: Exception, *, setting_up: bool = False) -> StoreError:
        text = str(error).removeprefix("ERR ")
        if code is None and setting_up:
            return StoreRefused(self._text(f"{text}. {_SETTING_UP}"))
        if code is None:
            word, *rest = text.split()
            return Refusal(word, *rest) if word.isupper() else StoreRefused(self._text(text))
        kind = OutOfMemory if code == "OOM" else StoreRefused
        advice = _ADVICE.get(code, text)
        if found := _find_key(str(error)):
            advice = f"{advice}, or repair or delete the key {found[1]!r}"
        return kind(f"{self._text(advice)} [{code}]")

    def _unavailable(self, may_have_happened: bool, trouble: Exception, *, connected: bool) -> StoreUnavailable:
        told = "the call may have happened" if may_have_happened else "the call has not happened"
        if not connected:
            told += "; is the server running? check WINCH_URL or --url"
        return StoreUnavailable(f"{self.address.place} gave no answer within {self.deadline:g} s ({trouble}); {told}")

    def _text(self, text: str) -> str:
        return f"{self.address.place} refused: {text}"


def unless_refused(ask: Callable[[], Any]) -> Any:
    """The answer of a script that does the common case only. None: it has refused, so the one for every case is to decide.

    Raises:
        OutOfMemory: The server is full, for both.
    """
    try:
        return ask()
    except OutOfMemory:
        raise
    except (Refusal, StoreRefused):
        return None


def passes(error: Exception) -> bool:
    """Whether a server's error is worth trying again."""
    return _code(error) in _RETRIED


def _code(error: Exception) -> str | None:
    """The code of a server's error that is worth knowing, wherever it stands. None if the server has not answered."""
    if not isinstance(error, ServerError):
        return None
    found = _find_code(str(error))
    return found[1] if found else None
