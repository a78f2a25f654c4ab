"""`winch groups`: the groups of a store, with where their jobs are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from winch.cli.common import existing, say_place, url_option
from winch.cli.describing import iso_time, span
from winch.group import GroupCounts
from winch.stores.contract import GroupRecord, Store

__all__ = ["command"]

PAGE = 1_000


@click.command()
@url_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(url: str | None, as_json: bool) -> None:
    """List groups by name, and how many of their jobs are where."""
    place = existing(url)
    found = _records(place.store)
    if as_json:
        for record in found:
            click.echo(json.dumps(_data(record)))
        return
    say_place(place)
    _print(list(found))


def _records(store: Store) -> Iterator[GroupRecord]:
    names = store.groups()
    for at in range(0, len(names), PAGE):
        yield from (record for record in store.get_groups(names[at : at + PAGE]) if record is not None)


def _print(groups: list[GroupRecord]) -> None:
    table = Table("name", "age", "state", *GroupCounts._fields, box=None, pad_edge=False, header_style="bold")
    for group in groups:
        table.add_row(group.id, span(group.now - group.created_at), _state(group), *map(str, _counts(group).values()))
    Console(width=1_000).print(table, soft_wrap=True)  # a terminal wraps a long name; nothing is cut
    click.echo(f"{len(groups)} {'group' if len(groups) == 1 else 'groups'}")


def _state(group: GroupRecord) -> str:
    return "complete" if group.completed_at else f"open, {group.holds} filling" if group.holds else "open"


def _counts(group: GroupRecord) -> dict[str, int]:
    return {name: getattr(group, name) for name in GroupCounts._fields}


def _data(group: GroupRecord) -> dict[str, Any]:
    return {
        "name": group.id,
        "created_at": iso_time(group.created_at),
        "completed_at": iso_time(group.completed_at),
        "expires_at": iso_time(group.expires_at),
        "filling": group.holds,
        **_counts(group),
    }
