"""From a function to its import path.

A path is dotted, `shop.jobs.send` or `shop.jobs.Mailer.send`. A function of the script that is being run has the path
`scripts/report.py:send`, relative to the project: the worker loads that file under the name `__winch_main__.report`.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from winch.errors import UnimportableFunction

__all__ = [
    "MAIN_PREFIX",
    "MAX_PATH",
    "check_signature",
    "class_path",
    "own_path",
    "parameters",
    "path_of",
    "project_root",
    "unwrap_task",
]

MAIN_PREFIX = "__winch_main__."
"""Where a worker puts the modules that were scripts."""

MAX_PATH = 1_000
"""Characters."""

_MARKERS = ("pyproject.toml", "manage.py", "setup.py", ".git")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_SCRIPT = re.compile(r"[^:\0]+:[^\W\d]\w*(\.[^\W\d]\w*)*")


def project_root(start: Path | None = None) -> Path:
    """The nearest folder, from the working directory up, with pyproject.toml, manage.py, setup.py or .git.

    Returns:
        An absolute path; the working directory if there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if any(os.path.exists(folder / marker) for marker in _MARKERS):  # noqa: PTH110 - False where it may not be looked at
            return folder
    return here


def path_of(function: Callable[..., Any] | str) -> str:
    """The path under which a worker can find a function.

    Args:
        function: A function, a static or class method, a builtin, a class, a `Task`, or a path.

    Raises:
        UnimportableFunction: It has none: a lambda, a function inside a function, a method of an instance, an object,
            or typed into an interactive session. Or it is no function at all.
    """
    if isinstance(function, str):
        if not function.isprintable() or not (_DOTTED.fullmatch(function) or _SCRIPT.fullmatch(function)):
            raise UnimportableFunction(
                f"{function!r} is not the path of a function: write package.module.function, or pass the function itself"
            )
        if len(function) > MAX_PATH:
            raise UnimportableFunction(f"the path of a function has at most {MAX_PATH} characters: {function:.80}...")
        return function
    if not callable(function):
        raise UnimportableFunction(
            f"{function!r:.80} is no function: pass the function, not its result: enqueue(f, 1), not enqueue(f(1))"
        )
    try:
        return _path_of(function)
    except TypeError as error:  # not hashable
        if isinstance(error, UnimportableFunction):
            raise
        return _path_of.__wrapped__(function)


@lru_cache(maxsize=4096)
def _path_of(function: Callable[..., Any]) -> str:
    module, name = _name_of(unwrap_task(function))
    _check_name(function, name)
    found = _look_up(module, name)
    if found != function and unwrap_task(found) != unwrap_task(function):
        raise UnimportableFunction(
            f"{module}.{name} is not the function that was passed: a worker would run another one. "
            "Give it a name of its own at the top of its module"
        )
    return _join(module, name)


def _name_of(function: Callable[..., Any]) -> tuple[str, str]:
    """The module of a callable, and its name in there."""
    if isinstance(function, functools.partial):
        raise UnimportableFunction(
            f"{function!r} is a partial, which has no name: enqueue its function, and pass all arguments to enqueue()"
        )
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type):
        return owner.__module__, f"{owner.__qualname__}.{function.__name__}"
    if owner is not None and not isinstance(owner, ModuleType):
        raise UnimportableFunction(
            f"{function.__qualname__} is a method of an object (of {type(owner).__name__}), which would have to travel "
            "with the job: enqueue a function that is given the object's id and loads it"
        )
    name = getattr(function, "__qualname__", None)
    holder = getattr(function, "__objclass__", None)
    module = getattr(function, "__module__", None) or getattr(holder, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str):
        raise UnimportableFunction(
            f"{function!r} is an object that can be called, and has no name: enqueue a function that makes and calls it"
        )
    return module, name


def _check_name(function: object, name: str) -> None:
    if "<lambda>" in name:
        raise UnimportableFunction(
            "a lambda has no name by which a worker could import it: write a function with `def` at the top of a module"
        )
    if "<locals>" in name:
        raise UnimportableFunction(
            f"{name} is defined inside a function, where a worker cannot import it: "
            f"move {getattr(function, '__name__', name)} to the top of its module"
        )


def _look_up(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    if found is None:
        raise UnimportableFunction(f"the module {module} of {name} is not loaded: a worker could not import it")
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise UnimportableFunction(f"{module} has no {name}: give the function a name at the top of its module")
    return found


def _join(module: str, name: str) -> str:
    if module != "__main__" and not module.startswith(MAIN_PREFIX):
        return f"{module}.{name}"
    loaded = sys.modules[module]
    spec = getattr(loaded, "__spec__", None)
    if module == "__main__" and spec is not None and spec.name:
        return f"{spec.name}.{name}"
    file = getattr(loaded, "__file__", None)
    if not file or not Path(file).is_file():
        raise UnimportableFunction(
            f"{name} was typed into an interactive session or read from standard input, "
            "where a worker cannot find it: move it to a module and import it from there"
        )
    script, root = Path(file).resolve(), project_root()
    return f"{script.relative_to(root).as_posix() if script.is_relative_to(root) else script.as_posix()}:{name}"


def class_path(kind: type) -> str:
    """The path of a class, as `path_of` makes it.

    Raises:
        UnimportableFunction: It is defined inside a function, or nowhere to be found.
    """
    if "<locals>" in kind.__qualname__:
        raise UnimportableFunction(
            f"{kind.__qualname__} is defined inside a function: move it to the top of its module"
        )
    if _look_up(kind.__module__, kind.__qualname__) is not kind:
        raise UnimportableFunction(f"{kind.__module__}.{kind.__qualname__} is another class by now")
    return _join(kind.__module__, kind.__qualname__)


def own_path(target: Any) -> str:
    """Where a callable or a class really comes from, `module.qualname`, whatever name it was found under."""
    target = inspect.unwrap(unwrap_task(target), stop=lambda inner: isinstance(inner, type))
    while isinstance(target, functools.partial):
        target = cast("functools.partial[Any]", target).func
    owner = getattr(target, "__self__", None)
    named = target if hasattr(target, "__qualname__") else cast(Any, type(target))
    if isinstance(owner, type):
        named = owner
    module = getattr(named, "__module__", None) or getattr(getattr(named, "__objclass__", None), "__module__", "")
    return f"{module}.{named.__qualname__}"


def unwrap_task(target: Any) -> Any:
    """The function inside a `Task`; anything else as it is."""
    return target.__wrapped__ if hasattr(cast(Any, type(target)), "__winch_task__") else target


@lru_cache(maxsize=4096)
def parameters(function: Callable[..., Any]) -> frozenset[str]:
    """The names of a function's parameters that can be given by keyword; empty if it does not tell."""
    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return frozenset()
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(parameter.name for parameter in found if parameter.kind in by_keyword)


def check_signature(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Whether a function could be called so.

    Raises:
        TypeError: It could not; the text names the function and what is wrong.
    """
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return  # some builtins do not tell
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(f"{name}{signature} cannot be called like this: {error}") from None
