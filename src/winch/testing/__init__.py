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

from typing import TYPE_CHECKING

from winch.loading import lazy_names

if TYPE_CHECKING:
    from winch.testing.clock import FakeClock
    from winch.testing.draining import drain
    from winch.testing.looking import enqueued
    from winch.testing.memory import MemoryStore, inline, use_store

__all__ = ["FakeClock", "MemoryStore", "drain", "enqueued", "inline", "use_store"]

_HOMES = {
    "winch.testing.clock": ("FakeClock",),
    "winch.testing.draining": ("drain",),
    "winch.testing.looking": ("enqueued",),
    "winch.testing.memory": ("MemoryStore", "inline", "use_store"),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)
