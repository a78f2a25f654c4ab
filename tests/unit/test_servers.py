"""The servers that tests start: ready when started, the same place after a restart, nothing left behind."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from collections.abc import Callable

import pytest
from redis import Redis

from tests.leaks import leaked_keys
from tests.servers import RedisServer


@pytest.mark.integration
@pytest.mark.usefixtures("redis_server")
@pytest.mark.parametrize("end", [RedisServer.stop, RedisServer.kill])
def test_appendonly_data_survives(end: Callable[[RedisServer], None]) -> None:
    """With appendonly, what was acknowledged is there after a stop and after a kill, on the socket and on the port."""
    with RedisServer(port=True, appendonly=True) as server:
        with Redis.from_url(server.url) as client:
            client.set("key", "value", ex=60)
        end(server)
        server.start()
        with Redis.from_url(server.tcp_url) as client:
            assert client.get("key") == b"value"
    assert not server.folder.exists()


def test_leaked_keys_are_found(redis_url: str) -> None:
    """A key without a TTL is a leak, one with a TTL is none."""
    with Redis.from_url(redis_url) as client:
        client.set("ends", 1, ex=60)
        client.set("stays", 1)
        assert leaked_keys(client) == ["stays"]
        client.delete("stays")


def test_store_urls_are_empty_stores(store_url: str) -> None:
    """Each kind of store has a URL that a store can be opened with."""
    assert store_url.startswith(("sqlite:////", "unix:///"))
