"""What the commands share: `--url`, and which store it leads to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import click

from winch.cli.defaults import see_folder
from winch.config import Settings, default_url, load_settings, project_root
from winch.errors import StoreNotFound
from winch.options import check_queue
from winch.stores import open_store
from winch.stores.contract import Store

__all__ = ["Place", "check_names", "configure", "existing", "locate", "only_given", "say_place", "url_option"]

url_option = click.option(
    "-u", "--url", metavar="URL", help="The store: sqlite:///jobs.db, redis://host:6379/0, ... [WINCH_URL]"
)
"""`--url`, the same for every command."""


class Place(NamedTuple):
    """A store and why it is this one."""

    store: Store
    origin: str

    @property
    def address(self) -> str:
        """The address in the form that `--url` takes, without password."""
        place = self.store.place
        return place if "://" in place else f"sqlite:///{place}"

    @property
    def line(self) -> str:
        """The store in one line."""
        return f"store: {self.address} ({self.origin})"


def configure(**flags: object) -> Settings:
    """The settings, with what was given on the command line on top.

    Raises:
        InvalidOption: A value cannot be used.
    """
    see_folder()  # for a connection that is an import path
    return load_settings(flags)


def locate(url: str | None, settings: Settings | None = None) -> Place:
    """The store that a command talks to. Nothing is opened yet.

    Args:
        url: What `--url` says.
        settings: If they are known already.

    Raises:
        InvalidURL: It is not the address of a store.
    """
    settings = settings or configure(url=url)
    return Place(open_store(settings.url, deadline=settings.deadline), _origin(url, settings))


def existing(url: str | None) -> Place:
    """The store, opened. None is made.

    Raises:
        StoreNotFound: There is none.
    """
    place = locate(url)
    try:
        place.store.open(create=False)
    except StoreNotFound as error:
        raise StoreNotFound(
            f"{error} ({place.origin}): nothing was enqueued there yet. "
            "If the application uses another one, name it with --url or WINCH_URL."
        ) from error
    return place


def _origin(url: str | None, settings: Settings) -> str:
    """Where the address comes from, as `winch.config` ranks its sources."""
    if url:
        return "--url"
    if os.environ.get("WINCH_URL"):
        return "WINCH_URL"
    if settings.url != default_url():
        return f"from the settings of {project_root()}"
    root = project_root()
    # Asked from below it, the root is another folder if there is no marker that makes it the root.
    return "from the project folder" if project_root(root / ".winch") == root else "from the current folder"


def check_names(queues: Iterable[str]) -> None:
    """Refuse names that no queue can have, with the client's own check.

    Raises:
        InvalidOption: One of them cannot be the name of a queue.
    """
    for name in queues:
        check_queue(name)


def only_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given: a flag that is not set, and what has no value, is not."""
    return {name: value for name, value in options.items() if value is not None and value is not False and value != ()}


def say_place(place: Place) -> None:
    """Tell on stderr which store it is: stdout is for the answer."""
    click.echo(place.line, err=True)
