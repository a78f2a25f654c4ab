"""From URLs and clients to addresses."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from ssl import TLSVersion
from typing import Any

import pytest
from redis import BlockingConnectionPool, Connection, ConnectionPool, Redis
from redis.credentials import UsernamePasswordCredentialProvider
from redis.sentinel import Sentinel

from winch.errors import InvalidURL
from winch.stores.redis.addresses import Address
from winch.stores.redis.driver import Driver, url_of_client
from winch.stores.redis.wire import Server


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
    assert isinstance(address.connector, Driver)
    connection = address.connector.make(1.5)
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
        "redis://host?tiemout=5",
        "redis://:pw@host:6379/shop",
        "rediss://host/-1",
        "valkey://host/1/2",
        "redis://host:port",
        "redis://host?ssl_ca_certs=ca.pem",
        "redis://host?db=x",
        "unix://",
        "redis+sentinel://host:port/main",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """The error names the address."""
    with pytest.raises(InvalidURL):
        Address.of_url(url, "shop")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("redis://", Server()),
        ("redis://host", Server("host")),
        ("redis://host?socket_timeout=5&health_check_interval=30", Server("host")),
        ("valkey://[::1]:7000/3", Server("::1", 7000, database=3)),
        ("redis://me:p%2Fw@host/3?db=4", Server("host", database=4, user="me", password="p/w")),
        ("redis://host?username=me&password=pw&client_name=shop", Server("host", 6379, "", 0, "me", "pw", "shop")),
        ("unix://:p%40w@/run/a%20b.sock?db=2", Server(path="/run/a b.sock", database=2, password="p@w")),
        ("redis+cluster://me:pw@one:7000,two:7001", Server("one", 7000, user="me", password="pw")),
    ],
)
def test_plain_addresses_need_no_client_library(url: str, server: Server) -> None:
    """Without TLS the URL says all that there is to say to a server."""
    assert Address.of_url(url, "shop").connector == server


@pytest.mark.parametrize("url", ["rediss://host", "valkeys://host", "redis+sentinel://one,two/main"])
def test_the_rest_is_left_to_redis_py(url: str) -> None:
    """TLS and Sentinel are its business."""
    assert isinstance(Address.of_url(url, "shop").connector, Driver)


def test_sentinels_that_know_no_master() -> None:
    """The error names the master, and not the settings of redis-py's clients."""
    with pytest.raises(ConnectionError, match=r"^No master found for 'main'$"):
        Address.of_url("redis+sentinel://localhost:1/main", "shop").connect(1)


@pytest.mark.parametrize(
    "client",
    [
        Redis(),
        Redis(host="host", port=7000, db=2, username="me", password="p/w", client_name="shop"),
        Redis(host="::1"),
        Redis(unix_socket_path="/run/redis.sock", db=3),
        Redis(ssl=True),
        Redis(ssl=True, ssl_ca_certs="/etc/my ca.pem", ssl_cert_reqs="none", ssl_check_hostname=False),
        Redis.from_url("rediss://host/4?ssl_ca_certs=/etc/ca.pem"),
        Redis(connection_pool=BlockingConnectionPool(host="host")),
    ],
)
def test_the_url_of_a_client_says_all(client: Redis) -> None:
    """A connection made from it has every setting of one that is made from the client."""
    url = url_of_client(client, "shop")
    assert url is not None
    Address.of_url(url, "shop")
    plain = url.removesuffix("namespace=shop").rstrip("?&")
    assert told(Driver.of_url(plain)) == told(Driver.of_client(client))


def told(driver: Driver) -> dict[str, Any]:
    """What a connection to there is and knows, apart from objects that are new for each."""
    connection = driver.make(1.5)
    kept = {name: value for name, value in vars(connection).items() if isinstance(value, str | int | float)}
    return {"type": type(connection)} | kept | {"pid": 0}


@pytest.mark.parametrize(
    "client",
    [
        Redis(ssl=True, ssl_min_version=TLSVersion.TLSv1_3),
        Redis(credential_provider=UsernamePasswordCredentialProvider("me", "secret")),
        Redis(password=b"secret"),  # pyright: ignore[reportArgumentType]
        Redis(connection_pool=ConnectionPool(connection_class=type("Own", (Connection,), {}))),
        Sentinel([("localhost", 1)]).master_for("main"),
    ],
)
def test_a_client_that_no_url_describes(client: Redis) -> None:
    """Whatever such a one has may be the secret of how it connects, so it is taken as it is."""
    assert url_of_client(client, "shop") is None
