"""`winch groups`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.commands import run
from tests.contract.helpers import run as finish
from winch.group import Group
from winch.queue import Queue
from winch.stores import open_store

pytestmark = pytest.mark.usefixtures("project")


def test_groups_are_listed(project: Path) -> None:
    """As a table for people, and as one JSON object a line; where there are none it says so."""
    store = open_store(f"sqlite:///{project}/.winch/jobs.db")
    queue = Queue("mail", store)
    jobs = [queue.enqueue("shop.send", number) for number in range(2)]
    assert run("groups").stdout.splitlines()[-1] == "0 groups"
    assert run("groups", "--json").stdout == ""
    complete, open_one = Group.create(store, "complete"), Group.create(store, "open", ttl=-1)
    jobs += [queue.using(group=group).enqueue("shop.send") for group in (complete, open_one, open_one)]
    open_one.hold()
    for job in jobs[:-1]:
        finish(store, job.id)
    head, first, second, count = run("groups").stdout.splitlines()
    assert " ".join(head.split()) == "name age state total pending finished failed canceled stopped deleted"
    assert re.fullmatch(r"complete +\S+ +complete +1 +0 +1 +0 +0 +0 +0 *", first)
    assert re.fullmatch(r"open +\S+ +open, 1 filling +2 +1 +1 +0 +0 +0 +0 *", second)
    assert count == "2 groups"
    found = [json.loads(line) for line in run("groups", "--json").stdout.splitlines()]
    assert [(group["name"], group["pending"], group["finished"], group["filling"]) for group in found] == [
        ("complete", 0, 1, 0), ("open", 1, 1, 1),
    ]  # fmt: skip
    assert [group["completed_at"] is None for group in found] == [False, True]
    assert found[1]["expires_at"] is None
