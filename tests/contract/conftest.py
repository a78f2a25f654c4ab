"""The fixture `store`: every store in turn, the model first; each test leaves it consistent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.helpers import check_consistent
from tests.model import ModelStore
from winch.stores.contract import Store, StoreOptions
from winch.stores.redis import RedisStore, turns
from winch.stores.sqlite import SQLiteStore

REAL = [pytest.param("sqlite", marks=pytest.mark.sqlite), pytest.param("redis", marks=pytest.mark.redis)]


def address(kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of an empty store of a kind."""
    if kind == "redis":
        url: str = request.getfixturevalue("redis_url")
        return url
    folder: Path = request.getfixturevalue("tmp_path")
    return f"sqlite:///{folder / 'jobs.db'}"


def open_at(url: str, *, deadline: float = 10.0, namespace: str = "winch") -> Store:
    """A store object of its own: `winch.stores.open_store` would give the one that another test has used."""
    options = StoreOptions(namespace=namespace, deadline=deadline)
    if url.startswith("sqlite:///"):
        return SQLiteStore(Path(url.removeprefix("sqlite:///")), options)
    return RedisStore(url, options)


def open_kind(kind: str, request: pytest.FixtureRequest) -> Store:
    """An empty store of a kind."""
    return ModelStore() if kind == "model" else open_at(address(kind, request))


@pytest.fixture(autouse=True)
def _every_turn_is_tried_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis has two scripts for a turn: a test is too short for the pause after which the first is tried again."""
    monkeypatch.setattr(turns, "_LONGEST", 0)


@pytest.fixture(params=["model", *REAL])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store. When the test is over, every job is in exactly one state and one index."""
    opened = open_kind(request.param, request)
    yield opened
    check_consistent(opened)
    opened.close()
