"""One line that switches a program: `import rq` finds winch."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

__all__ = ["install", "is_installed"]

_PACKAGE = __name__.rpartition(".")[0]
_OWN = frozenset({"__main__", "executing", "executing_installed"})
"""Modules that RQ does not have, and that do something when they are imported."""


def is_installed() -> bool:
    """Whether `import rq` finds winch in this process."""
    return getattr(sys.modules.get("rq"), "__name__", "") == _PACKAGE


def install() -> None:
    """Let `import rq` and `from rq.job import Job` find winch in this process, and in the workers that it starts.

    To be called before the first `import rq`, at the top of the program. Twice is once.

    Raises:
        RuntimeError: RQ itself has been imported already.
    """
    if is_installed():
        return
    if "rq" in sys.modules:
        raise RuntimeError(
            "RQ itself has been imported already: call winch.compat.rq.install() before the first import"
        )
    folder = [str(Path(__file__).parent)]
    names = [found.name for found in pkgutil.iter_modules(folder) if found.name not in _OWN]
    sys.modules["rq"] = importlib.import_module(_PACKAGE)
    for name in names:
        sys.modules[f"rq.{name}"] = importlib.import_module(f"{_PACKAGE}.{name}")
