"""The store in a Redis or Valkey server."""

from winch.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
