"""Jobs that belong together."""
# A group's `id` is called so here, as in the contract:

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from winch.errors import DuplicateGroup, NoSuchGroup
from winch.stores.contract import Call, GroupRecord, NewGroup
from winch.stores.redis.calls import Argument, Calls, Refusal
from winch.stores.redis.hot import translated
from winch.stores.redis.keys import complete_channel, unpack_id
from winch.stores.redis.waiting import ask_again

__all__ = ["GroupVerbs"]

# As in lua/parts/groups.lua:
_NUMBERS = (
    *("created_at", "completed_at", "expires_at", "ttl", "holds", "completions", "total", "pending", "finished"),
    *("failed", "canceled", "stopped", "deleted"),
)


class GroupVerbs:
    """The verbs of `winch.stores.contract.Groups`."""

    _calls: Calls
    _local: threading.local

    def create_group(self, group: NewGroup, *, call: Call | None = None) -> GroupRecord:
        """See `winch.stores.contract.Groups.create_group`."""
        answer = self._change_group("group_create", call, group.id, group.ttl, group.queue, group.payload)
        now, created_at, expires_at = answer
        return GroupRecord(group.id, created_at, 0, expires_at, group.ttl, group.queue, group.payload, now=now)

    def hold_group(self, group: str, *, call: Call | None = None) -> None:
        """See `winch.stores.contract.Groups.hold_group`."""
        self._change_group("group_hold", call, group, 1)

    def release_group(self, group: str, *, call: Call | None = None) -> None:
        """See `winch.stores.contract.Groups.release_group`."""
        self._change_group("group_hold", call, group, -1)

    def delete_group(self, group: str, *, call: Call | None = None) -> bool:
        """See `winch.stores.contract.Groups.delete_group`."""
        return bool(self._change_group("group_delete", call, group))

    def get_groups(self, groups: Sequence[str]) -> list[GroupRecord | None]:
        """See `winch.stores.contract.Groups.get_groups`."""
        now, *rows = self._calls.read("group_get", *groups)
        return [_record(group, row, now) for group, row in zip(groups, rows, strict=True)]

    def groups(self) -> list[str]:
        """See `winch.stores.contract.Groups.groups`."""
        return sorted(raw.decode() for raw in self._calls.read("group_list"))

    def members(self, group: str, *, offset: int = 0, limit: int = 100) -> list[str]:
        """See `winch.stores.contract.Groups.members`."""
        return [unpack_id(raw) for raw in self._calls.read("group_members", group, offset, limit)]

    def await_group(self, group: str, timeout: float, wake: int | None = None) -> GroupRecord | None:
        """See `winch.stores.contract.Groups.await_group`."""

        def ask() -> tuple[GroupRecord | None, bool]:
            [found] = self.get_groups([group])
            return found, found is None or found.completed_at > 0

        channels = [complete_channel(self._calls.prefix, group)]
        return ask_again(self._local, self._calls, channels, ask, timeout, wake)

    def _change_group(self, script: str, call: Call | None, group: str, *arguments: Argument) -> Any:
        try:
            answer = self._calls.change(script, call, group, *arguments)
        except Refusal as refusal:
            if refusal.args[0] == "NOSUCHGROUP":
                raise NoSuchGroup(f"there is no group {group}", group) from None
            if refusal.args[0] == "DUPLICATEGROUP":
                raise DuplicateGroup(f"there is a group {group}", group) from None
            raise translated(refusal) from None
        return answer


def _record(group: str, row: Any, now: int) -> GroupRecord | None:
    if row == 0:
        return None
    queue, payload, *numbers = row
    known = {name: int(number or 0) for name, number in zip(_NUMBERS, numbers, strict=True)}
    return GroupRecord(id=group, queue=queue.decode(), payload=payload, now=now, **known)
