"""How sleepers are woken: a byte in a pipe that has a name.

A bell is a hint and carries nothing. It may be heard by anybody, by nobody, or too late (PROTOCOL rules 5 and 29).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from winch.polling import readable

__all__ = ["Bells", "Ear", "FifoBells", "PipeBells", "sleep"]

_RING = b"\0"
_DRAIN = 65_536  # bytes: as much as a pipe holds


class Ear:
    """Descriptors on which bells are heard, as one.

    Attributes:
        is_deaf: It never hears anything.

    Args:
        descriptors: Each with the queue whose bell it is, `""` for any other.
        heard: Takes the names of queues whose bells were heard.
    """

    is_deaf = False

    def __init__(self, descriptors: Mapping[int, str], heard: set[str]) -> None:
        self._descriptors = dict(descriptors)
        self._heard = heard
        self._joined = None
        if len(self._descriptors) > 1:
            self._joined = selectors.DefaultSelector()
            for descriptor in self._descriptors:
                self._joined.register(descriptor, selectors.EVENT_READ)

    def fileno(self) -> int:
        """Readable when any bell rings: epoll and kqueue have a descriptor of their own."""
        return self._joined.fileno() if self._joined else next(iter(self._descriptors))

    def drain(self) -> bool:
        """Take all hints. Returns whether there were any."""
        rung = [key.fd for key, _ in self._joined.select(0)] if self._joined else self._descriptors
        heard = False
        for descriptor in rung:
            with contextlib.suppress(BlockingIOError):
                heard |= bool(os.read(descriptor, _DRAIN))
                self._heard.add(self._descriptors[descriptor])
        return heard

    def close(self) -> None:
        """Hear no more."""
        if self._joined:
            self._joined.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = {}


class DeafEar(Ear):
    """Where there are no named pipes (Windows): a descriptor on which nothing comes."""

    is_deaf = True

    def __init__(self) -> None:
        super().__init__({}, set())
        self._ends = socket.socketpair()

    def fileno(self) -> int:
        """Never readable."""
        return self._ends[0].fileno()

    def close(self) -> None:
        """Close both ends."""
        for end in self._ends:
            end.close()


class Bells(ABC):
    """The bells of a store: one per queue, one per worker, and one for writers."""

    def __init__(self) -> None:
        self._heard: set[str] = set()

    @contextlib.contextmanager
    def answering(self, queues: Iterable[str]) -> Generator[set[str]]:
        """Those of these queues whose bells this process has heard and not answered yet.

        What was heard here is maybe heard by nobody else: who answers claims, and rings again where work is left.
        """
        heard = self._heard.intersection(queues) if self._heard else set[str]()
        self._heard -= heard
        try:
            yield heard
        except BaseException:
            self._heard |= heard
            raise

    def ring(self, queues: Iterable[str], workers: Iterable[str]) -> None:
        """Tell those who listen to these queues, or wait for hints to these workers. Never fails, never waits."""
        for queue in queues:
            self._ring(f"queue@{queue}")
        for worker in workers:
            self._ring(f"worker@{worker}")

    def ring_writer(self) -> None:
        """The database is free: tell the writer who waits for that."""
        self._ring("writer@")

    def listen(self, *, queues: Iterable[str] = (), worker: str = "", writer: bool = False) -> Ear:
        """Something to hear these bells with."""
        opened: dict[int, str] = {}
        try:
            if writer:
                opened[self._open("writer@")] = ""
            if worker:
                opened[self._open(f"worker@{worker}")] = ""
            for queue in dict.fromkeys(queues):
                opened[self._open(f"queue@{queue}")] = queue
            return Ear(opened, self._heard) if opened else DeafEar()
        except (OSError, NotImplementedError):
            for descriptor in opened:
                os.close(descriptor)
            return DeafEar()

    @abstractmethod
    def _ring(self, name: str) -> None: ...

    @abstractmethod
    def _open(self, name: str) -> int: ...

    @abstractmethod
    def remove(self, worker: str) -> None:
        """A worker that is gone needs no bell."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what this process holds."""


class FifoBells(Bells):
    """Named pipes in a directory beside the database.

    Who listens opens its pipe for reading *and* writing: so it never ends, and a hint stays in it for all who listen. A bell
    that nobody listens to cannot be opened for writing (ENXIO), and there is nobody to tell.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def _path(self, name: str) -> str:
        return f"{self._directory}/{_file_name(name)}"

    def _ring(self, name: str) -> None:
        try:
            descriptor = os.open(self._path(name), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, AttributeError):
            return
        with contextlib.suppress(OSError):  # full: there are hints enough
            os.write(descriptor, _RING)
        os.close(descriptor)

    def _open(self, name: str) -> int:
        if not hasattr(os, "mkfifo"):
            raise NotImplementedError
        path, how = self._path(name), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, how)
        self._directory.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o666)
        return os.open(path, how)

    def remove(self, worker: str) -> None:
        """Unlink its pipe; who has it open keeps it."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(f"worker@{worker}"))  # noqa: PTH108 - the path is text here

    def close(self) -> None:
        """It holds nothing: each ear is its waiter's."""


class PipeBells(Bells):
    """Pipes of one process."""

    def __init__(self) -> None:
        super().__init__()
        self._pipes: dict[str, tuple[int, int]] = {}

    def _ring(self, name: str) -> None:
        if pipe := self._pipes.get(name):
            with contextlib.suppress(OSError):
                os.write(pipe[1], _RING)

    def _open(self, name: str) -> int:
        if name not in self._pipes:
            pipe = os.pipe()
            for end in pipe:
                os.set_blocking(end, False)
            if self._pipes.setdefault(name, pipe) is not pipe:  # another thread was quicker
                _close(pipe)
        return os.dup(self._pipes[name][0])

    def remove(self, worker: str) -> None:
        """Close its pipe; who listens has a descriptor of its own."""
        if pipe := self._pipes.pop(f"worker@{worker}", None):
            _close(pipe)

    def close(self) -> None:
        """Close all pipes."""
        pipes, self._pipes = self._pipes, {}
        for pipe in pipes.values():
            _close(pipe)

    def __del__(self) -> None:
        self.close()


@lru_cache(1024)
def _file_name(name: str) -> str:
    return quote(name, safe="@:")


def sleep(seconds: float, wake: int | None) -> bool:
    """Sleep, but no longer than until `wake` is readable. Returns whether it is."""
    if wake is None:
        time.sleep(seconds)
        return False
    return bool(readable([wake], seconds))


def _close(pipe: tuple[int, int]) -> None:
    for end in pipe:
        os.close(end)
