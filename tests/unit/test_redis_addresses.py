"""From URLs and clients to addresses."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import pytest
from redis import Redis

from winch.errors import InvalidURL
from winch.stores.redis.addresses import Address


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost:6379/3", "redis://localhost:6379/3 (namespace shop)"),
        ("redis://me:secret@host/3", "redis://host/3 (namespace shop)"),
        ("valkeys://:secret@host/3", "valkeys://host/3 (namespace shop)"),
        ("unix://:secret@/run/redis.sock?db=2", "unix:///run/redis.sock?db=2 (namespace shop)"),
        ("redis+sentinel://:secret@one,two/main/1", "redis+sentinel://one,two/main/1 (namespace shop)"),
        ("redis+cluster://:secret@one,two:7001", "redis+cluster://one,two:7001 (namespace shop)"),
    ],
)
def test_the_place_tells_no_secret(url: str, place: str) -> None:
    """People see host, database and namespace; another process gets everything."""
    address = Address.of_url(url, "shop")
    assert address.place == place
    assert "secret" not in repr(address.place)
    assert ("secret" in address.url) == ("secret" in url)
    assert address.url.endswith("namespace=shop")


def test_a_clients_settings_are_taken_over() -> None:
    """Address and credentials are the client's, retries and decoding are not."""
    client = Redis(host="host", port=7000, db=2, password="p/w", decode_responses=True, socket_timeout=99)
    address = Address.of_client(client, "shop")
    connection = address.connection(1.5)
    assert address.url == "redis://:p%2Fw@host:7000/2?namespace=shop"
    assert address.place == "redis://host:7000/2 (namespace shop)"
    assert connection.retry.get_retries() == 0
    assert not connection.encoder.decode_responses
    assert connection.socket_timeout == 1.5
    assert (connection.db, connection.password) == (2, "p/w")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "redis+sentinel://host",
        "redis+sentinel://host/main/shop",
        "redis+cluster://host/3",
        "redis://host?socket_timeout=x",
        "redis://:pw@host:6379/shop",
        "rediss://host/-1",
        "valkey://host/1/2",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """The error names the address."""
    with pytest.raises(InvalidURL):
        Address.of_url(url, "shop")
