"""Fixtures for all tests: a real Redis server per test process, and a URL for every store."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from redis import Redis

from tests.leaks import leaked_keys
from tests.servers import RedisServer, find_redis_server

# Examples talk to real stores, so a slow one is no failure. In CI the same examples run each time.
settings.register_profile("local", deadline=None)
settings.register_profile("winch-ci", deadline=None, derandomize=True, print_blob=True)
# A planted bug need only be found, not understood.
settings.register_profile("winch-mutants", deadline=None, derandomize=True, phases=[Phase.generate])
settings.load_profile(os.environ.get("WINCH_EXAMPLES") or ("winch-ci" if os.environ.get("CI") else "local"))


# A shell starts what it puts into the background with SIGINT ignored, and every worker of a test would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test that takes a Redis fixture, so that `-m 'not redis'` leaves it out."""
    for item in items:
        if {"redis_server", "redis_url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.redis)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A running server of this test process's own; skips without a binary, fails without one in CI."""
    if find_redis_server() is None:
        reason = "no redis-server: `make test` finds or installs one, or set WINCH_REDIS_SERVER"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The URL of an empty Redis database; a test that leaves a key without an end in it fails."""
    with Redis.from_url(redis_server.url) as client:
        client.flushdb()
        yield redis_server.url
        leaked = leaked_keys(client)
    if leaked:
        pytest.fail("left Redis keys without a TTL (families that may are in tests/leaks.py): " + ", ".join(leaked))


@pytest.fixture(
    params=[pytest.param("sqlite", marks=pytest.mark.sqlite), pytest.param("redis", marks=pytest.mark.redis)]
)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, once for each kind of store."""
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        return url
    return f"sqlite:///{tmp_path / 'jobs.db'}"
