"""What goes wrong with a store while the machine drives it: a `Site` is where a store lives and who makes trouble there.

Trouble comes in two kinds. Between two calls: the store must go on as if nothing had been. With a call: it is refused
and nothing has changed, or it is lost on the way; either way the caller sends the identical call again, under the same
number, and that must be as if nothing had been, too.
"""

# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, cast

from hypothesis import note
from redis import Redis

from tests.contract.conftest import open_at
from tests.model import ModelStore
from winch.errors import StoreUnavailable, WinchError
from winch.ids import new_id
from winch.stores.contract import Store
from winch.stores.sqlite.sql import q

__all__ = ["Between", "ModelSite", "RedisSite", "SQLiteSite", "Site", "Verb", "With", "attempt", "is_error"]

Verb = Callable[[Store], Any]
Content = dict[Any, Any]
Between = Callable[[Store], Store]
"""Does something and returns the store to go on with."""
With = Callable[[Random, Store, Verb], bool]
"""Makes a call in bad circumstances, and clears them away. Returns whether results could not be kept."""

CONNECT = sqlite3.connect
ASIDE = b"aside"


def attempt(ask: Verb, store: Store) -> Any:
    """The answer, or the type of the error."""
    try:
        return ask(store)
    except WinchError as error:
        return type(error)


def is_error(answer: Any) -> bool:
    """Whether an attempt was refused."""
    return isinstance(answer, type)


class Site:
    """Where a store lives."""

    between: Sequence[Between] = ()
    with_call: Sequence[With] = ()
    lost: Sequence[With] = ()
    """Those troubles with a call after which nobody knows whether it has happened."""

    def make(self) -> Store:
        """A new and empty store."""
        raise NotImplementedError

    def content(self, store: Store) -> Content:
        """The whole database, byte for byte."""
        raise NotImplementedError

    @contextmanager
    def unchanged(self, store: Store) -> Generator[None]:
        """Whatever is done meanwhile changes nothing in the database."""
        before = self.content(store)
        yield
        after = self.content(store)
        assert after == before, sorted(key for key in before | after if before.get(key) != after.get(key))


class ModelSite(Site):
    """The model's memory."""

    def make(self) -> Store:
        return ModelStore()

    def content(self, store: Store) -> Content:
        return {name: repr(value) for name, value in vars(store).items() if name not in ("source", "lock")}


class SQLiteSite(Site):
    """A folder with a file for each store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder
        self.between = (self.reopened, self.checkpointed, self.vacuumed)
        self.lost = (self.killed_before_commit, self.killed_after_commit)
        self.with_call = (self.busy_for_a_while, self.busy_for_too_long, *self.lost)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def make(self) -> Store:
        self.path = self.folder / f"{new_id()}.db"
        store = open_at(self.url)
        store.open()
        return store

    def content(self, store: Store) -> Content:
        with closing(self.connected()) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in tables}

    def connected(self) -> sqlite3.Connection:
        """Somebody else's connection. It must be closed before a fork: SQLite's locks would be the child's, too."""
        return CONNECT(self.path, isolation_level=None, check_same_thread=False)

    # ---- between two calls ----

    def reopened(self, store: Store) -> Store:
        """The file is opened by another store object."""
        store.close()
        return open_at(self.url)

    def checkpointed(self, store: Store) -> Store:
        """The journal is moved into the file, and cut off."""
        with closing(self.connected()) as db:
            assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        return store

    def vacuumed(self, store: Store) -> Store:
        """The file is written anew."""
        with closing(self.connected()) as db:
            db.execute("VACUUM")
        return store

    # ---- with a call ----

    def busy_for_a_while(self, dice: Random, store: Store, ask: Verb) -> bool:
        """Somebody writes meanwhile, and comes to an end in time."""
        other = self.connected()
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.01, other.execute, ["COMMIT"])
        timer.start()
        try:
            assert attempt(ask, store) is not StoreUnavailable
        finally:
            timer.join()
            other.close()
        return False

    def busy_for_too_long(self, dice: Random, store: Store, ask: Verb) -> bool:
        """Somebody writes and does not end before the deadline."""
        impatient = open_at(self.url, deadline=0.02)
        impatient.open()
        with self.unchanged(store), closing(self.connected()) as other:
            other.execute("BEGIN IMMEDIATE")
            assert attempt(ask, impatient) is StoreUnavailable
        impatient.close()
        return False

    def killed_before_commit(self, dice: Random, store: Store, ask: Verb) -> bool:
        """The process that calls is killed when all is done but the last word: nothing has happened."""
        with self.unchanged(store):
            killed_at_commit(store, ask, before=True)
        return False

    def killed_after_commit(self, dice: Random, store: Store, ask: Verb) -> bool:
        """The process that calls is killed before it has its answer: all has happened."""
        killed_at_commit(store, ask, before=False)
        return False


def killed_at_commit(store: Store, ask: Verb, *, before: bool) -> None:
    """Make a call in a child process that is killed directly before or after COMMIT, unless the call is refused."""

    class Killed(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == q.commit and before:
                os.kill(os.getpid(), signal.SIGKILL)
            cursor = super().execute(sql, *values)
            if sql == q.commit:
                os.kill(os.getpid(), signal.SIGKILL)
            return cursor

    child = os.fork()
    if child == 0:
        status = 1
        try:
            sqlite3.connect = partial(CONNECT, factory=Killed)
            status = 0 if is_error(attempt(ask, store)) else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (-signal.SIGKILL, 0)


class RedisSite(Site):
    """A server's database."""

    def __init__(self, url: str, client: Redis) -> None:
        self.url, self.client = url, client
        self.types: dict[bytes, bytes] = {}  # of every key that was ever seen, in order
        self.between = (self.reopened, self.without_scripts, self.disconnected)
        self.with_call = (self.out_of_memory, self.out_of_memory)

    def make(self) -> Store:
        self.types.clear()
        self.client.flushdb()
        return open_at(self.url)

    def content(self, store: Store) -> Content:
        keys = sorted(cast("list[bytes]", self.client.keys()))
        with self.client.pipeline() as pipe:
            for key in keys:
                pipe.type(key)
                pipe.pttl(key)
                pipe.dump(key)
            flat = iter(pipe.execute())
        found = {key: (kind, left < 0, value) for key, kind, left, value in zip(keys, flat, flat, flat, strict=False)}
        for key, (kind, _, _) in found.items():
            self.types.setdefault(key, kind)
        self.types.pop(ASIDE, None)
        return found

    # ---- between two calls ----

    def reopened(self, store: Store) -> Store:
        """Another store object goes on."""
        store.close()
        return open_at(self.url)

    def without_scripts(self, store: Store) -> Store:
        """The server forgets all scripts."""
        self.client.script_flush()
        return store

    def disconnected(self, store: Store) -> Store:
        """The server closes every connection."""
        self.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return store

    # ---- with a call ----

    def out_of_memory(self, dice: Random, store: Store, ask: Verb) -> bool:
        """The server is full: what would fill it more is refused, all else goes on, and results are not kept."""
        before = self.content(store)
        self.client.config_set("maxmemory", 1)
        try:
            found = attempt(ask, store)
        finally:
            self.client.config_set("maxmemory", 0)
        if is_error(found):
            assert self.content(store) == before
        return not is_error(found)

    def put_back(self, before: Content) -> None:
        """Make the database again what it was."""
        self.client.flushdb()
        for key, (_, stays, value) in before.items():
            self.client.restore(key, 0 if stays else 3_600_000, value)

    def key_of_a_wrong_type(self, dice: Random, store: Store, ask: Verb) -> bool:
        """Another program has written something under a key: who needs that key is refused before anything happened.

        Records of jobs are left alone: one that cannot be read is set aside (`test_damage.py`).
        """
        before = self.content(store)
        key = dice.choice([key for key in self.types if not key.partition(b":")[2].startswith(b"j:")])
        note(f"wrong: {key!r}")
        if key in before:
            self.client.rename(key, ASIDE)
        if self.types[key] == b"string":
            self.client.rpush(key, "not winch's")
        else:
            self.client.set(key, "not winch's")
        wrong = self.content(store)
        try:
            found = attempt(ask, store)
            after = self.content(store)
        finally:
            is_there = self.client.dump(key) == wrong[key][-1]
            if is_there:
                self.client.delete(key)
            if is_there and key in before:
                self.client.rename(ASIDE, key)
            self.client.delete(ASIDE)  # if it is still there the call has removed the key
        if is_error(found):
            different = sorted(each for each in wrong | after if wrong.get(each) != after.get(each))
            assert not different, f"{found} because of {key!r}, but these keys have changed: {different}"
            assert found is not StoreUnavailable
        else:
            assert is_there or key not in after, f"something of another program under {key!r} was taken for the store's"
            self.put_back(before)  # it may have passed something over: the same call comes again where nothing is wrong
        return False
