"""Testing code that uses winch: no server, no worker, no sleep.

::

    from winch.testing import drain, enqueued, inline

    with inline():                              # every queue of this process, in memory, jobs run as they are enqueued
        assert sign_up("ada").result() == "welcome, ada"

    def test_sign_up(winch_store):              # the same memory, but jobs wait
        sign_up("ada")
        assert [job.args for job in enqueued(send_welcome)] == [("ada",)]
        drain()                                 # runs them here, and what they enqueue

The fixtures come with the package (`plugin.py`). The names are loaded when they are first used, so that test suites which
do not need them pay nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from winch.testing.clock import FakeClock
    from winch.testing.draining import drain
    from winch.testing.looking import enqueued
    from winch.testing.memory import MemoryStore, inline, use_store

__all__ = ["FakeClock", "MemoryStore", "drain", "enqueued", "inline", "use_store"]

_HOME = {
    "FakeClock": "winch.testing.clock",
    "MemoryStore": "winch.testing.memory",
    "drain": "winch.testing.draining",
    "enqueued": "winch.testing.looking",
    "inline": "winch.testing.memory",
    "use_store": "winch.testing.memory",
}


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'winch.testing' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
