"""One line that switches a program: `import rq` finds winch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["install", "is_installed"]

_PACKAGE = __name__.rpartition(".")[0]


class _Alias(MetaPathFinder, Loader):
    """Finds `rq.job` as `winch.compat.rq.job`: the same module under a second name."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the signature of a finder
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """A module below `rq`, if compat has it."""
        top, _, name = fullname.partition(".")
        if top != "rq" or PathFinder.find_spec(f"{_PACKAGE}.{name}", sys.modules[_PACKAGE].__path__) is None:
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module under its own name."""
        module = import_module(_PACKAGE + spec.name.removeprefix("rq"))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has been executed: give it back what the import has taken for its own."""
        alias = module.__spec__
        module.__spec__ = None if alias is None else alias.loader_state


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
    sys.meta_path.insert(0, _Alias())
    sys.modules["rq"] = sys.modules[_PACKAGE]
