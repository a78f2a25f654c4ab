"""The supervisor's thread for the store."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.helpers import Boss
from winch.errors import NotEnlisted
from winch.ids import new_id
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
