"""open_store: from an address to a store."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from redis import Redis

from winch.errors import InvalidURL
from winch.stores import open_store
from winch.stores.sqlite import SQLiteStore


def test_a_relative_path_is_resolved_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes are relative to the working directory of the call, whatever it becomes later."""
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///deep/jobs.db")
    monkeypatch.chdir("/")
    assert store.place == str(tmp_path / "deep" / "jobs.db")
    assert list(tmp_path.iterdir()) == []


def test_an_absolute_path(tmp_path: Path) -> None:
    """Four slashes are absolute."""
    assert open_store(f"sqlite:///{tmp_path}/jobs.db").place == f"{tmp_path}/jobs.db"


def test_the_url_leads_back(tmp_path: Path) -> None:
    """A store's url opens the same file, also with a name that a URL has to escape."""
    store = open_store(f"sqlite:///{tmp_path}/50%25 of%20it%3F.db?synchronous=full")
    assert store.place == f"{tmp_path}/50% of it?.db"
    assert open_store(store.url) is store


def test_the_same_address_is_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every spelling of an address gives one store per process; another deadline or option is another store."""
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///jobs.db")
    assert open_store(f"sqlite:///{tmp_path}/jobs.db") is store
    assert open_store("sqlite:///jobs.db", deadline=1.0) is not store
    assert open_store("sqlite:///jobs.db?synchronous=full") is not store
    assert open_store("redis://localhost:1/0") is open_store("redis://localhost:1/0")


def test_clients_that_connect_alike_share_a_store() -> None:
    """A program may make one for each request; what differs in any setting has another store."""
    store = open_store(Redis(port=1))
    assert open_store(Redis(port=1, decode_responses=True)) is store
    assert open_store("redis://localhost:1/0?namespace=winch") is store
    assert open_store(Redis(port=1, db=1)) is not store
    assert open_store(Redis(port=1, ssl=True)) is not open_store(Redis(port=1, ssl=True, ssl_ca_certs="/ca.pem"))


def test_memory_is_one_store() -> None:
    """What is in memory is reached with any deadline."""
    assert open_store("sqlite://") is open_store("sqlite://", deadline=1.0)


def test_a_store_is_returned_as_it_is() -> None:
    """A store needs no opening."""
    store = SQLiteStore(None)
    assert open_store(store) is store


def test_an_import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """`module:attribute` names a store, a URL, or an attribute of an attribute."""
    module = ModuleType("shop_stores")
    module.__dict__.update(store=SQLiteStore(None), url="sqlite://", ns=ModuleType("ns"), text="nothing", number=1)
    module.__dict__["ns"].__dict__["store"] = module.__dict__["store"]
    monkeypatch.setitem(sys.modules, "shop_stores", module)
    assert open_store("shop_stores:store") is module.__dict__["store"]
    assert open_store("shop_stores:ns.store") is module.__dict__["store"]
    assert open_store("shop_stores:url") is open_store("sqlite://")
    for name in ("text", "number", "missing"):
        with pytest.raises(InvalidURL):
            open_store(f"shop_stores:{name}")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "jobs.db",
        "/var/lib/jobs.db",
        "sqlite",
        "sqlite:jobs.db",
        "sqlite://jobs.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///jobs.db?sync=full",
        "sqlite:///jobs.db?synchronous",
        "sqlite:///jobs.db?synchronous=off",
        "sqlite:///jobs.db?namespace=shop",
        "postgres://localhost/jobs",
        "redis://localhost/0?names=shop",
        "redis://localhost/shop",
        "redis://localhost/0?namespace=a b",
        "redis://[::1/0",
        "no_such_module:client",
    ],
)
def test_what_is_no_address(address: str) -> None:
    """Anything else is an InvalidURL, which is a ValueError, when it is opened."""
    with pytest.raises(InvalidURL):
        open_store(address)


def test_the_error_shows_what_is_accepted() -> None:
    """The text lists the forms with examples, and keeps passwords to itself."""
    with pytest.raises(InvalidURL, match=r"sqlite:///jobs\.db") as error:
        open_store("mysql://user:s3cret@host/?password=s3cret")
    assert "redis+sentinel://" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_no_address_at_all() -> None:
    """An object that is neither text nor a store is refused by its type."""
    with pytest.raises(InvalidURL, match="int"):
        open_store(7)
