"""The store as one object."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from winch.errors import StoreNotFound, StoreRefused
from winch.stores.contract import StoreOptions
from winch.stores.redis.addresses import Address
from winch.stores.redis.calls import Calls
from winch.stores.redis.control import ControlVerbs
from winch.stores.redis.crontab import CronVerbs
from winch.stores.redis.groups import GroupVerbs
from winch.stores.redis.hot import HotVerbs
from winch.stores.redis.keys import prefix
from winch.stores.redis.liveness import LivenessVerbs
from winch.stores.redis.turns import TurnScripts
from winch.stores.redis.waiting import Listening

if TYPE_CHECKING:
    import redis

__all__ = ["RedisStore"]

_SCHEMA = 1
_OLDEST = (6, 2)
_KEEPS_ALL = "noeviction"
_logger = logging.getLogger("winch")


class RedisStore(HotVerbs, LivenessVerbs, ControlVerbs, CronVerbs, GroupVerbs):
    """A store in a Redis or Valkey server: the contract `winch.stores.contract.Store`.

    Args:
        source: A URL (`redis:// rediss:// unix:// valkey:// redis+sentinel:// redis+cluster://`), or a client of redis-py
            whose address and credentials are taken over; its connections are not used.
        options: Namespace and deadline.

    Raises:
        InvalidURL: The text is no address.
    """

    def __init__(self, source: str | redis.Redis | redis.RedisCluster, options: StoreOptions | None = None) -> None:
        options = options or StoreOptions()
        if isinstance(source, str):
            address = Address.of_url(source, options.namespace)
        else:
            address = Address.of_client(source, options.namespace)
        self.place = address.place
        self.url = address.url
        self.deadline = options.deadline
        self.created = False
        self._calls = Calls(address, prefix(options.namespace), options.deadline, self._open_for)
        self._turns = TurnScripts(self._calls)
        self._local = threading.local()
        self._listening = Listening()
        self._told: dict[str, str] = {}

    def open(self, *, create: bool = True) -> None:
        """See `winch.stores.contract.Store.open`."""
        if not self._find(create=create):
            raise StoreNotFound(f"there is no store at {self.place}")
        self._warn_of_eviction(self._told.get("maxmemory_policy", _KEEPS_ALL))

    def close(self) -> None:
        """See `winch.stores.contract.Store.close`."""
        self._calls.close()

    def _open_for(self, changing: bool) -> None:
        """Before the first verb: a changing one makes the store, a reading one finds an empty one."""
        self._find(create=changing)

    def _find(self, *, create: bool) -> bool:
        """Check the server and the schema. False: there is no store, and none was made."""
        lines: list[str] = self._calls.command(b"INFO").decode().splitlines()
        self._told = {name: value for name, _, value in (line.partition(":") for line in lines)}
        self._check_version(self._told.get("redis_version", "0.0"))
        self._calls.is_open = True
        try:
            schema, created = self._calls.read("open", int(create))
            if schema > _SCHEMA:
                told = f"{self.place} has schema {schema}, this winch knows {_SCHEMA}: install a newer winch"
                raise StoreRefused(told)
        except BaseException:
            self._calls.is_open = False
            raise
        self._calls.is_open = schema > 0
        self.created = self.created or bool(created)
        return schema > 0

    def _warn_of_eviction(self, policy: str) -> None:
        if policy != _KEEPS_ALL:
            _logger.warning(
                "%s has maxmemory-policy %s: when its memory is full it loses jobs, or does calls twice. "
                "Set maxmemory-policy %s (CONFIG SET maxmemory-policy %s, and in its configuration)",
                *(self.place, policy, _KEEPS_ALL, _KEEPS_ALL),
            )

    def _check_version(self, told: str) -> None:
        major, minor = map(int, told.split(".")[:2])
        if (major, minor) < _OLDEST:
            raise StoreRefused(f"{self.place} is Redis {told}: winch needs 6.2 or newer, or Valkey 7.2 or newer")
