"""What Redis keeps of a worker: what it says of itself, and what it is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from struct import Struct
from typing import Any

from winch.stores.contract import Command, WorkerInfo
from winch.stores.redis.keys import unpack_id

__all__ = ["commands_of", "pack_info", "unpack_info"]

_COMMAND = Struct("<IIHBB")


def pack_info(info: WorkerInfo) -> bytes:
    """What the store keeps of a worker and does not look into."""
    return json.dumps(asdict(info)).encode()


def unpack_info(raw: bytes) -> WorkerInfo:
    """The worker that `pack_info` packed."""
    fields: dict[str, Any] = json.loads(raw)
    fields["queues"] = tuple(fields["queues"])
    return WorkerInfo(**fields)


def commands_of(raw: Sequence[bytes]) -> tuple[Command, ...]:
    """Commands as `parts/command.lua` packs them."""
    return tuple([_command(each) for each in raw])


def _command(raw: bytes) -> Command:
    number, low, middle, high, size = _COMMAND.unpack_from(raw)
    end = _COMMAND.size + size
    job, name = raw[end:], raw[_COMMAND.size : end].decode(errors="replace")
    return Command(number, name, low | middle << 32 | high << 48, unpack_id(job) if job else "")
