"""What unit tests share: a store in a file, with a short deadline. Those of Redis have a `store` of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from winch.stores.contract import StoreOptions
from winch.stores.sqlite import SQLiteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store of a test is."""
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """An empty store with a short deadline."""
    store = SQLiteStore(path, StoreOptions(deadline=0.3))
    yield store
    store.close()
