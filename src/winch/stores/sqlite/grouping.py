"""The steps of groups: a member joins, ends, is requeued; a group comes to rest."""

from __future__ import annotations

from winch.errors import NoSuchGroup
from winch.ids import callback_id
from winch.stores.contract import NewJob
from winch.stores.sqlite.making import make_job
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import Snapshot, Transaction

__all__ = ["count_end", "group_number", "hold_group", "join", "joined", "rest", "take_end_back"]


def group_number(at: Snapshot, group: str) -> int:
    """The number of a group.

    Raises:
        NoSuchGroup: There is no such group.
    """
    number: int | None = at.one(q.group_number, group, at.now)
    if number is None:
        raise NoSuchGroup(f"there is no group {group}", group)
    return number


def join(tx: Transaction, job: int, number: int, group: str) -> None:
    """A new job (its number) becomes a member of a group (its number and its id)."""
    tx.db.execute(q.join_group, (number,))
    tx.db.execute(q.write_member, (job, number, group))


def joined(at: Snapshot, job: int) -> str:
    """The id of the group that a job has joined."""
    return at.one(q.joined, job) or ""


def count_end(tx: Transaction, job: int, how: str) -> None:
    """A member has ended (`how` is its state), or is `deleted` before its end."""
    for number, pending in tx.db.execute(q.count_end_in_group, (job, how, tx.now)).fetchall():
        if pending == 0:
            rest(tx, number)


def take_end_back(tx: Transaction, job: int, how: str) -> None:
    """A member that has ended goes on."""
    tx.db.execute(q.take_end_back_in_group, (job, how, tx.now))


def hold_group(tx: Transaction, number: int, more: int) -> None:
    """One more holds a group, or one less."""
    tx.db.execute(q.hold_number, (more, number))


def rest(tx: Transaction, number: int) -> None:
    """A group of which nothing is pending expires later, and is completed once, unless somebody holds it."""
    for holds, completed_at in tx.db.execute(q.group_at_rest, (number, tx.now)).fetchall():
        if not (holds or completed_at):
            _complete(tx, number)


def _complete(tx: Transaction, number: int) -> None:
    row = tx.db.execute(q.complete_group, (number, tx.now)).fetchone()
    group, created_at, completions, queue, payload = row
    if payload:
        make_job(tx, NewJob(callback_id(group, "complete", created_at, completions), queue, payload))
