"""From an import path to what it names, and the guard against modules that enqueue when they are imported."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from winch.callables.paths import MAIN_PREFIX
from winch.errors import EnqueuedDuringImport

__all__ = ["find_script", "import_object", "importing", "importing_for", "refuse_during_import", "split_script"]

_importing: ContextVar[str | None] = ContextVar("winch_importing", default=None)


def importing() -> str | None:
    """The file that is being imported for a job by this thread, None if there is none."""
    module = _importing.get()
    if module is None:
        return None
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            return frame.f_code.co_filename
        frame = frame.f_back
    return module


def refuse_during_import() -> None:
    """Stop a module that enqueues or waits while a worker imports it.

    Raises:
        EnqueuedDuringImport: It does.
    """
    if _importing.get() is not None:
        raise EnqueuedDuringImport(
            f'{importing()} enqueues when it is imported; put that below `if __name__ == "__main__":`'
        )


@contextmanager
def importing_for(path: str) -> Generator[None]:
    """While this lasts, `importing` answers."""
    token = _importing.set(path)
    try:
        yield
    finally:
        _importing.reset(token)


def split_script(path: str) -> tuple[str, str] | None:
    """File and name of a path such as `scripts/report.py:send`, None for a dotted one."""
    file, colon, name = path.rpartition(":")
    return (file, name) if colon else None


def find_script(file: str, roots: Sequence[Path]) -> Path | None:
    """The script in one of these folders, resolved."""
    for root in roots:
        found = (root / file).resolve()
        if found.is_file() and found.is_relative_to(root):
            return found
    return None


def import_object(path: str, roots: Sequence[Path] = ()) -> Any:
    """What a path names. Whether it may be imported has been decided before.

    Args:
        path: As `path_of` makes it.
        roots: Where the file of a script is looked for.

    Raises:
        ImportError: There is no such module.
        AttributeError: The module does not have it.
        Exception: Whatever the module raises.
    """
    if script := split_script(path):
        file = find_script(script[0], roots)
        if file is None:
            raise ModuleNotFoundError(f"no script {script[0]} below {', '.join(map(str, roots))}")
        return _walk(_load_script(file), script[1].split("."), path)
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            module = _import_module(name)
        except ModuleNotFoundError as error:
            if length == 1 or not _is_about(error, name):
                raise
        else:
            return _walk(module, parts[length:], path)
    raise ModuleNotFoundError(f"{path} names no module")


def _is_about(error: ModuleNotFoundError, name: str) -> bool:
    """Whether this very module is missing, not one that it imports."""
    return error.name is not None and (name == error.name or name.startswith(f"{error.name}."))


def _import_module(name: str) -> ModuleType:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if main is not None and spec is not None and spec.name == name:
        return main  # `python -m name` in this very process
    return importlib.import_module(name)


def _walk(found: Any, names: Sequence[str], path: str) -> Any:
    for name in names:
        try:
            found = getattr(found, name)
        except AttributeError:
            where = getattr(found, "__name__", repr(found))
            raise AttributeError(f"{where} has no {name!r}: {path} was renamed, or this is older code") from None
    return found


def _load_script(file: Path) -> ModuleType:
    main = sys.modules.get("__main__")
    running = getattr(main, "__file__", None)
    if main is not None and running and Path(running).exists() and file.samefile(running):
        return main
    name = MAIN_PREFIX + file.stem
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__file__ == str(file):
        return loaded
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, ModuleNotFoundError) and _stands_beside(error.name, file):
            told = f"{error}: it stands beside {file.name}, so start the worker with --path {shlex.quote(str(file.parent))}"
            raise ModuleNotFoundError(told, name=error.name) from error
        raise
    return module


def _stands_beside(module: str | None, script: Path) -> bool:
    """Whether Python finds a module while it runs the script: then the script's folder is on its path, and not in a worker."""
    return module is not None and PathFinder.find_spec(module.partition(".")[0], [str(script.parent)]) is not None
