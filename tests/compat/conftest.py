"""Fixtures: a connection of each kind, and a process that is as it was before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.compat.side import REAL, leave_no_trace

leave_no_trace()  # what importing compat has set: other tests run in the same process


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Winch's own rule holds again after each test, and its logger is as it was.

    Compat lets its process load pickles and run everything, and a worker sets the log up for its process.
    """
    loggers = [logging.getLogger(name) for name in ("winch", "winch.worker")]
    before = [(each, each.level, each.propagate, each.handlers[:]) for each in loggers]
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate, logger.handlers[:] = propagate, handlers
    leave_no_trace()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of an empty Redis database."""
    with Redis.from_url(redis_url) as client:  # pyright: ignore[reportUnknownMemberType]
        yield client
        if REAL:
            client.flushdb()  # pyright: ignore[reportUnknownMemberType] - RQ leaves keys without an end


@pytest.fixture(
    params=[pytest.param("sqlite", marks=pytest.mark.sqlite), pytest.param("redis", marks=pytest.mark.redis)]
)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A connection to an empty store, once for each kind of store."""
    if request.param == "redis":
        return request.getfixturevalue("redis")
    if REAL:
        pytest.skip("RQ knows Redis only")
    return f"sqlite:///{tmp_path / 'jobs.db'}"
