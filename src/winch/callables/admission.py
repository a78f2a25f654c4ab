"""What a worker runs: the project's own functions, and nothing that just happens to be importable."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import logging
import sys
import sysconfig
from collections.abc import Callable, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, TypeGuard, cast
from urllib.parse import unquote, urlsplit

from winch.bounded import make_room
from winch.callables.importing import find_script, import_object, importing_for, split_script
from winch.callables.paths import MAIN_PREFIX, own_path, unwrap_task
from winch.errors import DecodeError, Refused

__all__ = ["DELIVER", "Admission"]

DELIVER = "winch.webhooks.deliver"
"""What the job of a webhook runs: the one function of winch's own that every worker admits."""

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_logger = logging.getLogger("winch")


class Admission:
    """The rule of what may be imported and run here.

    A function is admitted if its file is below one of `roots` and not in a site-packages; or its distribution was installed
    from a folder, a repository or a wheel file (PEP 610); or it is marked with `@task` in a module of `imports`; or a
    pattern of `allow` names it. It is checked on the path before anything is imported, and on the function's own module
    after.

    Args:
        roots: The project's folders.
        allow: Patterns of paths such as `shop.*`; `*` lifts the rule.
        imports: Modules that the user told the worker to import.
    """

    def __init__(self, roots: Sequence[Path], allow: Sequence[str] = (), imports: Sequence[str] = ()) -> None:
        self.roots = tuple(dict.fromkeys(Path(root).resolve() for root in roots))
        self.allow = tuple(allow)
        self.imports = frozenset(imports)
        self._functions: dict[str, Callable[..., Any]] = {}
        self._classes: dict[str, type] = {}

    def resolve(self, path: str) -> Callable[..., Any]:
        """The function at a path.

        Raises:
            Refused: It may not run here, or there is no such module; the text says what to do.
            Exception: Whatever its import raises.
        """
        found = self._functions.get(path)
        if found is None:
            found = self._resolve(path)
            make_room(self._functions)
            self._functions[path] = found
        return found

    def _resolve(self, path: str) -> Callable[..., Any]:
        if not self._admits_path(path):
            raise Refused(self._refusal(path))
        target = self._import(path)
        if not callable(target):
            raise TypeError(f"{path} is of type {type(target).__name__}, which cannot be called")
        if not self._admits_target(path, target):
            raise Refused(self._refusal(path, own_path(target)))
        return unwrap_task(target)

    def load_class(self, path: str) -> type:
        """The dataclass or enum at a path.

        Raises:
            DecodeError: It is neither, may not be loaded here, or cannot be imported.
        """
        found = self._classes.get(path)
        if found is None:
            found = self._load_class(path)
            make_room(self._classes)
            self._classes[path] = found
        return found

    def _load_class(self, path: str) -> type:
        if not self._admits_path(path):
            raise DecodeError(self._refusal(path, what="the class"))
        try:
            target = self._import(path)
        except Exception as error:
            raise DecodeError(f"the class {path} cannot be imported: {type(error).__name__}: {error}") from error
        if not _is_data_class(target):
            raise DecodeError(f"{path} is neither a dataclass nor an enum, and nothing else is loaded")
        if not self._admits_target(path, target):
            raise DecodeError(self._refusal(path, own_path(target), "the class"))
        return target

    def _import(self, path: str) -> Any:
        with importing_for(path):
            return import_object(path, self.roots)

    def describe(self) -> str:
        """The rule in one line."""
        if "*" in self.allow:
            return "runs any function that can be imported (--allow '*')"
        parts = [f"functions below {', '.join(map(str, self.roots))}", "packages installed from source"]
        if self.imports:
            parts.append(f"@task functions of {', '.join(sorted(self.imports))}")
        if self.allow:
            parts.append(", ".join(self.allow))
        return f"runs {', '.join(parts[:-1])} and {parts[-1]}"

    def advice(self, path: str, function: object = None) -> str | None:
        """Why a worker with this rule would refuse a function, None if it would not. Imports nothing.

        Args:
            path: Its path.
            function: The function itself, if it is at hand.
        """
        if not self._admits_path(path):
            return self._refusal(path)
        if function is not None and not self._admits_target(path, function):
            return self._refusal(path, own_path(function))
        return None

    # ---- the rule ----

    def _admits_path(self, path: str) -> bool:
        if self._allowed(path):
            return True
        if script := split_script(path):
            file = find_script(script[0], self.roots)
            return file is not None and self._admits_file(file)
        return self._admits_module(path) or any(path.startswith(f"{name}.") for name in self.imports)

    def _admits_target(self, path: str, target: Any) -> bool:
        own = own_path(target)
        if path in self.allow or self._allowed(own):
            return True
        if _is_task(target) and _module_of(target) in self.imports:
            return True
        module = _module_of(target)
        if module == "__main__" or module.startswith(MAIN_PREFIX):
            file = getattr(sys.modules.get(module), "__file__", None)
            return file is not None and self._admits_file(Path(file).resolve())
        return self._admits_module(own)

    def _allowed(self, path: str) -> bool:
        return any(fnmatchcase(path, pattern) for pattern in self.allow)

    def _admits_module(self, path: str) -> bool:
        """Whether the top package of a dotted path is one of the project's own."""
        top = path.partition(".")[0]
        if top == "winch":
            return path.startswith("winch.demo.") or path == DELIVER
        return any(self._admits_file(file) or _from_source(top, file) for file in _files_of(top, self.roots))

    def _admits_file(self, file: Path) -> bool:
        if not _INSTALLED.isdisjoint(file.parts) or file.is_relative_to(_stdlib()):
            return False
        return any(file.is_relative_to(root) for root in self.roots)

    def _refusal(self, path: str, own: str = "", what: str = "the function") -> str:
        folders = ", ".join(map(str, self.roots)) or "no folder"
        top = path.partition(".")[0]
        if not own and split_script(path) is None and _is_missing(top, self.roots):
            return (
                f"{what} {path} cannot be found: there is no module {top!r} in {folders} or on Python's own path. "
                "Correct the name, or start the worker in its project's folder (or with --path)"
            )
        name = own or path
        alias = f" (found as {path})" if own and own != path else ""
        flag = name if own or split_script(path) is None else path
        return (
            f"{what} {name}{alias} is not the project's own, so it is not run: start the worker with --allow '{flag}', "
            f"or in its project's folder (it looks in {folders})"
        )


def _is_data_class(target: object) -> TypeGuard[type[Any]]:
    return isinstance(target, type) and (issubclass(target, Enum) or dataclasses.is_dataclass(cast(Any, target)))


def _is_task(target: object) -> bool:
    return hasattr(cast(Any, type(target)), "__winch_task__")


def _module_of(target: Any) -> str:
    target = unwrap_task(target)
    return str(getattr(target, "__module__", None) or type(target).__module__)


def _spec_of(top: str) -> ModuleSpec | None:
    """How a top-level module is found, None if it is not. Imports nothing."""
    known: ModuleSpec | None = getattr(sys.modules.get(top), "__spec__", None)
    if known is not None:
        return known
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None


def _is_missing(top: str, roots: Sequence[Path]) -> bool:
    """Whether there is no such module: not loaded, not on `sys.path`, and not in one of these folders."""
    if top in sys.modules or _spec_of(top) is not None:
        return False
    return _spec_below(top, roots) is None


def _spec_below(top: str, roots: Sequence[Path]) -> ModuleSpec | None:
    return PathFinder.find_spec(top, [str(root) for root in roots])


def _files_of(top: str, roots: Sequence[Path]) -> list[Path]:
    """Where a top-level module lives: its file, or its folders if it is a namespace package.

    A worker has these roots on its path. Here, where it is asked what a worker would say, they may be missing, as in a
    script that stands in another folder.
    """
    spec = _spec_of(top) or _spec_below(top, roots)
    if spec is None:
        return []
    if spec.has_location and spec.origin:
        return [Path(spec.origin).resolve()]
    return [Path(folder).resolve() for folder in spec.submodule_search_locations or ()]


@lru_cache(maxsize=1)
def _stdlib() -> Path:
    return Path(sysconfig.get_path("stdlib")).resolve()


def _from_source(top: str, file: Path) -> bool:
    """Whether the distribution of a module was installed from a folder, a repository or a wheel file."""
    names, folders = _sources()
    return top in names or any(file.is_relative_to(folder) and _INSTALLED.isdisjoint(file.parts) for folder in folders)


@lru_cache(maxsize=1)
def _sources() -> tuple[frozenset[str], tuple[Path, ...]]:
    """Top-level names of distributions that have a direct_url.json, and the folders of editable ones."""
    from importlib.metadata import distributions

    names: set[str] = set()
    folders: list[Path] = []
    for distribution in distributions():
        text = distribution.read_text("direct_url.json")
        if text is None:
            continue
        names.update(_top_names(str(file) for file in distribution.files or ()))
        url = urlsplit(str(json.loads(text).get("url", "")))
        if url.scheme == "file" and json.loads(text).get("dir_info", {}).get("editable"):
            folders.append(Path(unquote(url.path)).resolve())
    return frozenset(names), tuple(folders)


def _top_names(files: Any) -> set[str]:
    tops = {str(file).replace("\\", "/").partition("/")[0] for file in files}
    return {top.removesuffix(".py") for top in tops if not top.endswith((".dist-info", ".pth", "..", "__pycache__"))}
