"""Callables that have no import path of their own: the object that they belong to travels with the job."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from winch.callables import path_of
from winch.errors import UnimportableFunction

__all__ = ["CALL_METHOD", "Named", "call_method", "named", "row"]

CALL_METHOD = f"{__name__}.call_method"


def call_method(instance: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method of an object."""
    return getattr(instance, name)(*args, **kwargs)


class Named(NamedTuple):
    """A callable that a worker can find by name, and how.

    Attributes:
        function: What the job calls.
        args: With what before the user's own arguments.
        label: As RQ names it.
    """

    function: Callable[..., Any] | str
    args: tuple[Any, ...]
    label: str


def named(f: Any) -> Named:
    """How a worker gets to call this.

    Raises:
        UnimportableFunction: A lambda or a function inside a function: no worker could find it.
        TypeError: It cannot be called.
    """
    if isinstance(f, bytes):
        f = f.decode()
    if isinstance(f, str):
        return Named(f, (), f)
    if not callable(f):
        raise TypeError(f"Expected a callable or a string, but got: {f!r:.100}")
    owner = getattr(f, "__self__", None)
    if inspect.ismethod(f) and not isinstance(owner, type):
        return Named(call_method, (owner, f.__name__), f.__name__)
    if isinstance(owner, type | ModuleType | None) and not _is_instance(f):
        return Named(f, (), path_of(f))
    if owner is not None and not _is_instance(f):  # a method of a builtin object, "text".upper
        return Named(call_method, (owner, f.__name__), f.__name__)
    return Named(call_method, (f, "__call__"), "__call__")


def _is_instance(f: Any) -> bool:
    """Whether it is an object of a user's class that can be called. What `@task` made has a path."""
    kinds = (inspect.isfunction, inspect.isbuiltin, inspect.ismethod, inspect.isclass, inspect.ismethoddescriptor)
    if any(is_kind(f) for is_kind in kinds):
        return False
    try:
        path_of(f)
    except UnimportableFunction:
        return True
    return False


def row(args: Sequence[Any] | None) -> tuple[Any, ...]:
    """Positional arguments that were given apart.

    Raises:
        TypeError: They are no list and no tuple: a text would be taken apart.
    """
    if not isinstance(args, list | tuple | None):
        raise TypeError(f"{args!r:.200} is not a valid args list")
    return tuple(args or ())


def split_method(args: Sequence[Any]) -> tuple[Any, str, tuple[Any, ...]]:
    """Instance, method and arguments of what `call_method` is called with."""
    return args[0], str(args[1]), tuple(args[2:])
