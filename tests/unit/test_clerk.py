"""The supervisor's thread for the store."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.helpers import Boss
from winch.errors import NotEnlisted
from winch.ids import new_id
from winch.stores import open_store
from winch.stores.contract import Beat, Store
from winch.worker.clerk import Clerk


def test_what_is_told_between_two_lives_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The former id has ended when the new one is enlisted: what it was told before is told again, and nothing is lost."""
    former = Boss(store)
    store.send(former.id, "quiet")
    enlist, refused, beaten = store.enlist, threading.Event(), threading.Event()
    beats: list[Beat] = []

    def enlisting(*given: Any, **named: Any) -> int:
        with pytest.raises(NotEnlisted):
            store.send(former.id, "resume")
        refused.set()
        return enlist(*given, **named)

    def on_beat(beat: Beat, _sent: int) -> None:
        beats.append(beat)
        beaten.set()

    def post(call: Callable[[], None]) -> None:
        call()

    monkeypatch.setattr(store, "enlist", enlisting)
    info = replace(former.info, id=new_id())
    clerk = Clerk(store, info, lambda: (), post, on_beat, pytest.fail, lambda: None, former.id)
    clerk.start()
    assert beaten.wait(10)
    clerk.leave()
    clerk.join(10)
    assert refused.is_set()
    assert [command.name for command in beats[0].commands] == ["quiet"]


def test_who_leaves_tries_once_more(tmp_path: Path) -> None:
    """A call that was under way when it was told to leave is made once more; if the store is still away it was the last."""
    path = tmp_path / "jobs.db"
    store = open_store(f"sqlite:///{path}", deadline=1.0)
    info, beaten, asked = replace(Boss(store).info, id=new_id()), threading.Event(), threading.Event()
    clerk = Clerk(
        store, info, lambda: (), lambda call: call(), lambda _beat, _sent: beaten.set(), pytest.fail, lambda: None
    )
    tries: list[int] = []

    def task(store: Store) -> None:
        tries.append(1)
        asked.set()
        store.retire_worker(info.id)

    clerk.start()
    assert beaten.wait(10)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        clerk.ask(task)
        assert asked.wait(10)
        clerk.leave()
        clerk.join(10)
        assert not clerk.is_alive()
    assert tries == [1, 1]
    store.close()
