"""Finds Redis keys and SQLite rows that nothing will ever remove.

Every key has a TTL, is bounded, or is owned by a live record that removes it (section 5 of the design). The families
of the last two kinds are listed in `OWNED`, each with who removes its keys. In SQLite a row of a side table goes with its job.
"""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import cast

from redis import Redis

SIDES: dict[str, str] = {
    "payloads": "job",
    "attempts": "job",
    "callbacks": "job",
    "snapshots": "job",
    "children": "child",
    "limits": "job",
    "members": "job",
}
"""The side tables of SQLite, and the column that holds the number of a job."""

# A regular expression over the whole key (namespace included) for each family, and in a comment who ends it.
OWNED: tuple[str, ...] = (
    r"\{[^}]*\}:store",  # schema and counters: one per namespace
    r"\{[^}]*\}:(queues|paused|due)",  # bounded by the queues; `forget` takes a queue out
    r"(?s)\{[^}]*\}:entr(ies|y:.+)",  # the cron table: removed by name, or by a set of its source that lacks it
    r"\{[^}]*\}:marker:.+",  # one element per queue; `forget` deletes it
    r"(?s)\{[^}]*\}:j:.*",  # a job: in exactly one index, which ends it
    r"\{[^}]*\}:(scheduled|deferred|blocked|queued|suspects|started):.+",  # live jobs
    r"\{[^}]*\}:(finished|failed|canceled|stopped):.+",  # ended jobs: upkeep removes them by their scores
    r"\{[^}]*\}:slots:.+",  # of jobs that run: gone with the last of them
    r"(?s)\{[^}]*\}:(waiting|waits|waiters|released):.+",  # of jobs that are blocked, or were and are queued
    r"(?s)\{[^}]*\}:children:.*",  # of a living parent: its end renames it
    r"(?s)\{[^}]*\}:firing(:.*)?",  # until every child has been told: turns and beats do it
    r"\{[^}]*\}:groups",  # all groups, scored by their expiry: upkeep removes them
    r"\{[^}]*\}:(group|members):.+",  # of a group in `groups`: gone with it
    r"\{[^}]*\}:(workers|seats)",  # the enlisted: retire or rescue takes them out
    r"\{[^}]*\}:(worker|info|crew|commands|hint|x):.+",  # of one worker or executor: gone with it
)


def leaked_keys(client: Redis) -> list[str]:
    """Returns the keys that have no TTL and belong to no family of `OWNED`, sorted."""
    names = cast("Iterator[bytes | str]", client.scan_iter(count=1000))
    return sorted(_text(name) for name in names if client.ttl(name) == -1 and not _is_owned(_text(name)))


def _is_owned(key: str) -> bool:
    return any(re.fullmatch(family, key) for family in OWNED)


def _text(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode(errors="backslashreplace")


def orphaned_rows(path: str) -> list[str]:
    """Returns the side tables of an SQLite store that have rows of jobs which are gone."""
    with closing(sqlite3.connect(path)) as database:
        return [table for table, job in SIDES.items() if database.execute(_ORPHAN.format(table, job)).fetchone()]


_ORPHAN = "SELECT 1 FROM {} WHERE {} NOT IN (SELECT number FROM jobs) LIMIT 1"
