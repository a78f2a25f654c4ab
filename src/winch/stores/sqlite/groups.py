"""Jobs that belong together."""
# A group's `id` is called so here, as in the contract:
# ruff: noqa: A001

from __future__ import annotations

from collections.abc import Sequence

from winch.errors import DuplicateGroup, NoSuchGroup
from winch.stores.contract import Call, GroupRecord, NewGroup
from winch.stores.sqlite.base import Verbs
from winch.stores.sqlite.grouping import rest
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import Snapshot, Transaction, as_array

__all__ = ["GroupVerbs"]


class GroupVerbs(Verbs):
    """The contract's `Groups`."""

    def create_group(self, group: NewGroup, *, call: Call | None = None) -> GroupRecord:
        """Create a group without members; one that is completed makes room for it. Returns its record."""

        def step(tx: Transaction) -> tuple[int, int, int]:
            created_at = tx.now
            for completed_at, expires_at, before in tx.db.execute(q.known_group, (group.id,)).fetchall():
                if not completed_at and (not expires_at or expires_at > tx.now):
                    raise DuplicateGroup(f"there is a group {group.id}", group.id)
                created_at = max(tx.now, before + 1)
            tx.db.execute(q.delete_group, (group.id,))
            expires_at = 0 if group.ttl < 0 else tx.now + group.ttl
            row = (group.id, created_at, expires_at, group.ttl, group.queue, group.payload)
            tx.db.execute(q.insert_group, row)
            return tx.now, created_at, expires_at

        now, created_at, expires_at = self._once(call, step)
        return GroupRecord(group.id, created_at, 0, expires_at, group.ttl, group.queue, group.payload, now=now)

    def hold_group(self, group: str, *, call: Call | None = None) -> None:
        """Do not complete this group before `release_group`: more is to come. Several may hold it."""

        def step(tx: Transaction) -> None:
            _hold(tx, group, 1)

        self._once(call, step)

    def release_group(self, group: str, *, call: Call | None = None) -> None:
        """Take a hold back. If it was the last and nothing is pending, this may complete the group."""

        def step(tx: Transaction) -> None:
            rest(tx, _hold(tx, group, -1))

        self._once(call, step)

    def delete_group(self, group: str, *, call: Call | None = None) -> bool:
        """Remove a group; its jobs stay, and count nowhere. False: there was none."""

        def step(tx: Transaction) -> bool:
            is_known = tx.one(q.group_number, group, tx.now) is not None
            tx.db.execute(q.delete_group, (group,))
            return is_known

        return self._once(call, step)

    def get_groups(self, groups: Sequence[str]) -> list[GroupRecord | None]:
        """The records of these groups, None for the unknown."""
        with self._database.read() as at:
            found = _records(at, groups)
        return [found.get(id) for id in groups]

    def groups(self) -> list[str]:
        """The ids of all groups, sorted."""
        with self._database.read() as at:
            return at.column(q.group_ids, at.now)

    def members(self, group: str, *, offset: int = 0, limit: int = 100) -> list[str]:
        """Ids of a group's members, in the order in which they joined; none of a group that is unknown."""
        with self._database.read() as at:
            return at.column(q.members, group, at.now, limit, offset)

    def await_group(self, group: str, timeout: float, wake: int | None = None) -> GroupRecord | None:
        """Wait until a group is completed, at most `timeout` seconds."""

        def look() -> list[GroupRecord | None] | None:
            found = self.get_groups([group])
            return found if found[0] is None or found[0].completed_at else None

        return (self._watch(look, timeout, wake) or self.get_groups([group]))[0]


def _hold(tx: Transaction, group: str, more: int) -> int:
    """Count holds. Returns the group's number."""
    for (number,) in tx.db.execute(q.hold_group, (group, more, tx.now)).fetchall():
        return number
    raise NoSuchGroup(f"there is no group {group}", group)


def _records(at: Snapshot, groups: Sequence[str]) -> dict[str, GroupRecord]:
    rows = at.db.execute(q.group_records, (as_array(groups), at.now)).fetchall()
    return {row[0]: GroupRecord(*row, now=at.now) for row in rows}
