"""The replay property: any earlier call may come again at any later moment, and the whole database does not change.

The machine is that of `machine.py`, where every second step is a repeat. SQLite loses no replies, but a process can be
killed between COMMIT and return: its caller is in the same doubt, and repeats the call in the same way (PROTOCOL rules 1
to 4, FAULTS layer 1).
"""

# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from pathlib import Path

import pytest
from redis import Redis

from tests.contract.machine import STEP, drive
from tests.contract.mischief import ModelSite, RedisSite, SQLiteSite

OFTEN = STEP | {"again": 30}


@pytest.mark.timeout(300)
def test_replays_to_the_model() -> None:
    """The model keeps the property, so that stores can be compared with it."""
    drive(ModelSite(), OFTEN, examples=20)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_replays_to_redis(redis_url: str) -> None:
    """No repeated or late call changes any key of a Redis database."""
    with Redis.from_url(redis_url) as client:
        drive(RedisSite(redis_url, client), OFTEN, examples=40)


@pytest.mark.sqlite
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_replays_to_sqlite(tmp_path: Path) -> None:
    """No repeated or late call changes any row of an SQLite database, also when the first caller was killed at COMMIT."""
    drive(SQLiteSite(tmp_path), OFTEN | {"lose": 8}, examples=30)
