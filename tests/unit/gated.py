"""Jobs for the tests of the executor, which run in the tests' own process: they begin and end when a test says so."""

from __future__ import annotations

import threading
from collections import defaultdict

__all__ = ["BEGUN", "GATES", "pass_gate"]

BEGUN: defaultdict[str, threading.Event] = defaultdict(threading.Event)
"""Set once the job of that name runs."""

GATES: defaultdict[str, threading.Event] = defaultdict(threading.Event)
"""Set to let the job of that name end."""


def pass_gate(name: str) -> str:
    """Wait for the gate of this name."""
    BEGUN[name].set()
    assert GATES[name].wait(30)
    return name
