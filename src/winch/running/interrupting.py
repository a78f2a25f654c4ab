"""Raising an exception in a thread from outside."""

from __future__ import annotations

import ctypes
import signal
import time

__all__ = ["INTERRUPT", "let_arrive", "raise_in_thread"]

INTERRUPT = signal.SIGURG
"""Wakes a main thread out of a system call to raise an exception there. Its default is to be ignored, few programs use it."""


def raise_in_thread(ident: int, kind: type[BaseException]) -> None:
    """Raise this in a thread at its next bytecode; a blocked call in C is not interrupted.

    Args:
        ident: `threading.get_ident()` of the thread.
        kind: An exception class that takes no arguments.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind))


def let_arrive() -> None:
    """Wait, in the thread itself, for what was raised in it: it arrives within a few bytecodes, here and not later."""
    for _ in range(100):
        time.sleep(0)
