"""RQ's database as it lies in Redis: which jobs there are, and how one is taken out.

Nothing of RQ is imported. The layout is that of RQ 1.x to 3.0: `rq:queue:NAME` (list), `rq:scheduled:NAME`, `rq:deferred:NAME`,
`rq:failed:NAME` (sorted sets), `rq:job:ID` (hash), `rq:results:ID` (stream).
"""
# A job's `id` is called so, as everywhere in winch:
# ruff: noqa: A001

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

from redis import Redis

__all__ = ["KINDS", "Kind", "RQCall", "RQDatabase", "RQJob", "Unreadable"]

Kind = Literal["queued", "scheduled", "deferred", "failed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_INDEXES: Mapping[Kind, str] = {"queued": "queue", "scheduled": "scheduled", "deferred": "deferred", "failed": "failed"}
_MOVING = "rq:winch:moving"
"""Jobs that have left RQ's indexes, and are not known to have arrived: a hash of id to where it was."""

_TAKE = """
local left = redis.call('TYPE', KEYS[1]).ok == 'list' and redis.call('LREM', KEYS[1], 1, ARGV[1])
  or redis.call('ZREM', KEYS[1], ARGV[1])
if left ~= 0 then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
return left
"""


class Unreadable(Exception):
    """A job whose call or options cannot be read; the text says why."""


class RQCall(NamedTuple):
    """What a job calls."""

    function: str
    instance: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RQJob:
    """A job of RQ.

    Attributes:
        id: Its id.
        kind: Where it was found.
        queue: Its queue.
        due: Seconds since the epoch, for a scheduled job.
        fields: Of its hash.
        error: The traceback of a failed one.
    """

    id: str
    kind: Kind
    queue: str
    due: float
    fields: Mapping[str, bytes]
    error: str = ""

    def text(self, name: str) -> str:
        """A field as text, `""` if it has none."""
        return self.fields.get(name, b"").decode("utf-8", "replace")

    def number(self, name: str) -> int | None:
        """A field as a number, None if it has none."""
        text = self.text(name)
        return int(text) if text.lstrip("-").isdigit() else None

    def numbers(self, name: str) -> list[float]:
        """A field that is a JSON list of numbers."""
        text = self.text(name)
        return [float(one) for one in json.loads(text)] if text else []

    @property
    def parents(self) -> list[str]:
        """Ids of the jobs it waits for."""
        many = self.text("dependency_ids")
        one = self.text("dependency_id")
        return [str(found) for found in json.loads(many)] if many else [one] if one else []

    @property
    def is_pickled(self) -> bool:
        """Whether its call is a pickle: to read it runs code of whoever wrote it."""
        return not _inflated(self.fields.get("data", b"")).startswith(b"[")

    def call(self) -> RQCall:
        """Read the call. A pickle is loaded: ask for consent first.

        Raises:
            Unreadable: It is damaged, or names code that is not here.
        """
        data = _inflated(self.fields.get("data", b""))
        try:
            function, instance, args, kwargs = _load(data)
            return RQCall(str(function), instance, tuple(args), dict(kwargs))
        except Exception as error:
            raise Unreadable(f"its call cannot be read: {type(error).__name__}: {error}") from error

    def meta(self) -> dict[str, Any] | None:
        """Its meta, None if there is none or it cannot be read."""
        try:
            meta = _load(self.fields["meta"])
        except Exception:
            return None
        return cast("dict[str, Any]", meta) if isinstance(meta, dict) else None


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def _load(data: bytes) -> Any:
    if data.startswith((b"[", b"{")):
        return json.loads(data)
    import pickle

    return pickle.loads(data)  # noqa: S301 - the command asks for consent


class RQDatabase:
    """A Redis database that RQ uses.

    Args:
        client: Of that database, without `decode_responses`.
    """

    def __init__(self, client: Redis) -> None:
        self._redis: Any = client
        self._take = self._redis.register_script(_TAKE)

    def queues(self) -> list[str]:
        """The names of its queues, sorted."""
        names = {name.decode().removeprefix("rq:queue:") for name in self._redis.smembers("rq:queues")}
        return sorted(names)

    def counts(self, queue: str) -> dict[Kind, int]:
        """How many jobs of a queue there are of each kind."""
        return {kind: len(self._ids(queue, kind)) for kind in KINDS}

    def jobs(self, queue: str, kind: Kind) -> Iterator[RQJob]:
        """A queue's jobs of a kind, in RQ's order. Ids without a job are left out: RQ leaves them behind."""
        for id, due in self._ids(queue, kind):
            if job := self._read(id, kind, queue, due):
                yield job

    def stranded(self) -> Iterator[RQJob]:
        """Jobs that an earlier move took out and did not finish."""
        for id, place in self._redis.hgetall(_MOVING).items():
            kind, queue, due = json.loads(place)
            if job := self._read(id.decode(), kind, queue, due):
                yield job
            else:
                self._redis.hdel(_MOVING, id)

    def take(self, job: RQJob) -> bool:
        """Take a job out of RQ, so that no worker of RQ runs it. False: one was quicker."""
        place = json.dumps([job.kind, job.queue, job.due])
        return bool(self._take([f"rq:{_INDEXES[job.kind]}:{job.queue}", _MOVING], [job.id, place]))

    def put_back(self, job: RQJob) -> None:
        """Undo `take`: it cannot be moved."""
        index = f"rq:{_INDEXES[job.kind]}:{job.queue}"
        with self._redis.pipeline() as pipe:
            if job.kind == "queued":
                pipe.lpush(index, job.id)
            else:
                pipe.zadd(index, {job.id: job.due})
            pipe.hdel(_MOVING, job.id)
            pipe.execute()

    def forget(self, jobs: Sequence[RQJob]) -> None:
        """Remove what RQ still has of jobs that have arrived."""
        with self._redis.pipeline() as pipe:
            for job in jobs:
                related = (f"rq:job:{job.id}:dependents", f"rq:job::{job.id}:dependencies", f"rq:executions:{job.id}")
                pipe.delete(f"rq:job:{job.id}", f"rq:results:{job.id}", *related)
                pipe.hdel(_MOVING, job.id)
            pipe.execute()

    def _ids(self, queue: str, kind: Kind) -> list[tuple[str, float]]:
        key = f"rq:{_INDEXES[kind]}:{queue}"
        if kind == "queued":
            return [(id.decode(), 0.0) for id in self._redis.lrange(key, 0, -1)]
        return [(id.decode(), score) for id, score in self._redis.zrange(key, 0, -1, withscores=True)]

    def _read(self, id: str, kind: Kind, queue: str, due: float) -> RQJob | None:
        fields = {name.decode(): value for name, value in self._redis.hgetall(f"rq:job:{id}").items()}
        if not fields:
            return None
        return RQJob(id, kind, queue, due, fields, self._error(id, fields) if kind == "failed" else "")

    def _error(self, id: str, fields: Mapping[str, bytes]) -> str:
        """A failed job's traceback: in the latest result, or in releases before 1.12 in the hash."""
        try:
            for _, entry in self._redis.xrevrange(f"rq:results:{id}", count=1):
                return zlib.decompress(b64decode(entry.get(b"exc_string", b""))).decode("utf-8", "replace")
        except (zlib.error, ValueError):
            return ""
        return _inflated(fields.get("exc_info", b"")).decode("utf-8", "replace")
