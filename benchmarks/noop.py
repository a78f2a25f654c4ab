"""The jobs that the benchmarks run."""

import os
import time


def noop() -> None:
    """Do nothing."""


def note(notes: str, number: int, seconds: float) -> None:
    """Take a while, then append a line to a file: what is counted is what ran, not what a queue says of it."""
    time.sleep(seconds)
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"%d\n" % number)
    os.close(descriptor)
