"""Each store beside the model (`machine.py`), with mischief between the calls and with them."""

# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from pathlib import Path

import pytest
from redis import Redis

from tests.contract.machine import STEP, drive
from tests.contract.mischief import ModelSite, RedisSite, SQLiteSite

WEIGHTS = STEP | {"mischief": 4}


@pytest.mark.timeout(300)
def test_the_model_beside_itself() -> None:
    """The machine's own calls and comparisons are sound: two models do the same."""
    drive(ModelSite(), STEP, examples=60)


@pytest.mark.sqlite
@pytest.mark.slow
@pytest.mark.timeout(600)  # to shrink what it finds takes longer than to find it
def test_sqlite_beside_the_model(tmp_path: Path) -> None:
    """SQLite does what the model does, while others write, checkpoint and vacuum, and callers are killed."""
    drive(SQLiteSite(tmp_path), WEIGHTS, examples=60)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_redis_beside_the_model(redis_url: str) -> None:
    """Redis does what the model does, with forgotten scripts, cut connections, and a full memory."""
    with Redis.from_url(redis_url) as client:
        drive(RedisSite(redis_url, client), WEIGHTS, examples=60)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_redis_among_foreign_keys(redis_url: str) -> None:
    """A call that meets a key of another program is refused before it has changed anything, and works once that is gone."""
    with Redis.from_url(redis_url) as client:
        site = RedisSite(redis_url, client)
        site.between, site.with_call = (), (site.key_of_a_wrong_type,)
        drive(site, WEIGHTS, examples=40)
