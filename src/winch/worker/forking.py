"""`--isolation fork`: every job in a child process of its own, forked from a small server that has no threads.

The executor starts the server before it has threads of its own (a fork of a process with threads can deadlock). For each
claim the server forks a child; the child decodes, runs and encodes, and sends its outcome back. A child that dies without an
outcome takes the executor with it, on purpose: so a crash is told, charged and recovered from in one way only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from winch.errors import JobInterrupted, JobTimeout
from winch.running.interrupting import INTERRUPT
from winch.running.run import Run, Runner
from winch.stores.contract import Claim, Outcome

__all__ = ["Answer", "ForkServer"]

_MEANING: dict[int, type[BaseException]] = {INTERRUPT: JobTimeout, signal.SIGTERM: JobInterrupted}
"""What a signal raises in a child."""

_BROKEN = 70
"""The exit status of a process that failed in our own code (EX_SOFTWARE of sysexits.h)."""

_NO_PROCESS_PAUSE = 1.0
"""Seconds before a job goes back for which there was no process: it may be claimed again at once."""

logger = logging.getLogger("winch.worker")

_LENGTH = struct.Struct("<I")


class Answer(NamedTuple):
    """What a child sends back: the outcome, and what the executor accounts for and logs."""

    outcome: Outcome
    function: str
    elapsed: int
    extra: dict[str, Any]


class ForkServer:
    """The executor's side. Make it before the process has threads.

    Args:
        make_runner: Makes the runner, once, in the server. Its store connects anew in each child.
        die_with_parent: Ties a process's life to its parent's.
    """

    def __init__(self, make_runner: Callable[[], Runner], die_with_parent: Callable[[int], None]) -> None:
        self._socket, theirs = socket.socketpair()
        parent = os.getpid()
        if os.fork() == 0:
            self._socket.close()
            die_with_parent(parent)
            try:
                _serve(theirs, make_runner, die_with_parent)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(_BROKEN)
        theirs.close()
        self.child: int | None = None

    def interrupt(self, kind: type[BaseException]) -> bool:
        """Raise this in the child, if there is one."""
        child = self.child
        if child is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, next(number for number, meaning in _MEANING.items() if meaning is kind))
        return True

    def perform(self, run: Run) -> Outcome:
        """Run a claim in a child and wait for its outcome. A crash of the child is a crash of this process."""
        _send(self._socket, run.claim)
        child = _receive(self._socket)
        if isinstance(child, str):
            logger.error("no process for a job: %s; it goes back to its queue", child)
            return Outcome(run.claim.token, run.claim.id, "returned")
        self.child = child
        answer = _receive(self._socket)
        self.child = None
        if isinstance(answer, int):
            _end_as(answer)
        run.function, run.elapsed, run.extra = answer.function, answer.elapsed, answer.extra
        return answer.outcome


def _serve(sock: socket.socket, make_runner: Callable[[], Runner], die_with_parent: Callable[[int], None]) -> NoReturn:
    """Fork a child for each claim; tell its pid, then its answer, or its wait status if there was none.

    Where the system has no process, memory or descriptor to give, that is told instead, after a pause.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server, runner = os.getpid(), make_runner()
    with contextlib.suppress(EOFError, OSError):
        while True:
            claim: Claim = _receive(sock)
            try:
                inbox, outbox = socket.socketpair()
                pid = os.fork()
            except OSError as error:
                time.sleep(_NO_PROCESS_PAUSE)
                _send(sock, str(error))
                continue
            if pid == 0:
                inbox.close()
                sock.close()
                die_with_parent(server)
                _run(claim, outbox, runner)
            outbox.close()
            _send(sock, pid)
            answer: Any = None
            with contextlib.suppress(EOFError):
                answer = _receive(inbox)
            inbox.close()
            _, status = os.waitpid(pid, 0)
            _send(sock, status if answer is None else answer)
    os._exit(0)


def _run(claim: Claim, outbox: socket.socket, runner: Runner) -> NoReturn:
    """The child: whatever happens, it ends here and not in the code of the process that it is a copy of."""
    try:
        run = Run(claim)
        outcome = runner.prepare(run)
        if outcome is None:
            outcome = asyncio.run(_perform_async(runner, run)) if run.is_async else _perform(runner, run)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # nobody reads it, or the job closed it: no outcome depends on that
                stream.flush()
        _send(outbox, Answer(outcome, run.function, run.elapsed, run.extra))
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(_BROKEN)


def _perform(runner: Runner, run: Run) -> Outcome:
    def interrupt(number: int, _frame: object) -> None:
        kind = _MEANING[number]
        if run.armed and run.interrupted is not kind:
            run.interrupted = kind
            raise kind

    for number in _MEANING:
        signal.signal(number, interrupt)
    return runner.perform(run)


async def _perform_async(runner: Runner, run: Run) -> Outcome:
    task = asyncio.current_task()

    def interrupt(kind: type[BaseException]) -> None:
        if task is not None and run.armed and run.interrupted is not kind:
            run.interrupted = kind
            task.cancel()

    for number, kind in _MEANING.items():
        asyncio.get_running_loop().add_signal_handler(number, interrupt, kind)
    return await runner.perform_async(run)


def _end_as(status: int) -> NoReturn:
    """End this process as its child ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        time.sleep(1)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _send(sock: socket.socket, message: object) -> None:
    # Pickle is safe here: both ends are this program, and nothing of it comes from a store.
    data = pickle.dumps(message)
    sock.sendall(_LENGTH.pack(len(data)) + data)


def _receive(sock: socket.socket) -> Any:
    (length,) = _LENGTH.unpack(_read(sock, _LENGTH.size))
    return pickle.loads(_read(sock, length))  # noqa: S301 - see _send


def _read(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
