"""What unit tests share: a store of each kind, one in a file with a short deadline, and a project."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from winch.config import reset_settings
from winch.stores import open_store
from winch.stores.contract import Store, StoreOptions
from winch.stores.sqlite import SQLiteStore


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store of each kind. The tests of one kind have a `store` of their own."""
    store = open_store(store_url)
    yield store
    store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store of a test is."""
    return tmp_path / "jobs.db"


@pytest.fixture
def sqlite(path: Path) -> Iterator[SQLiteStore]:
    """An empty store in a file, with a short deadline."""
    store = SQLiteStore(path, StoreOptions(deadline=0.3))
    yield store
    store.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, for commands; a store is made in it when it is used."""
    for name in ("WINCH_URL", "WINCH_CONFIG"):
        monkeypatch.setenv(name, "")  # so that what a command sets is undone
        monkeypatch.delenv(name)
    (tmp_path / "setup.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    reset_settings()
    return tmp_path
