"""What an executor needs of the process it lives in."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from pathlib import Path

from winch.errors import StoreUnavailable
from winch.job import use_admission
from winch.running.run import Runner
from winch.stores import open_store
from winch.worker.rule import admission_of
from winch.worker.settings import WorkerSettings

__all__ = ["die_with", "make_runner", "resident_bytes", "write_cron"]

logger = logging.getLogger("winch.worker")

_PR_SET_PDEATHSIG = 1

_PAUSE = 1.0
"""Seconds between two attempts while the store is gone."""


def make_runner(settings: WorkerSettings) -> Runner:
    """A runner under the rule of this worker, with a store of its own."""
    admission = admission_of(settings)
    admission.describe()  # looks at what is installed, once per process
    use_admission(admission)
    return Runner(open_store(settings.url, deadline=5.0), admission)


def write_cron(settings: WorkerSettings) -> None:
    """Write the cron entries of these modules to the store. One that does not answer is waited for."""
    for module in settings.cron:
        while not _is_written(settings, module):
            time.sleep(_PAUSE)


def _is_written(settings: WorkerSettings, module: str) -> bool:
    from winch.cron import Cron

    try:
        Cron(settings.url).sync(module)
    except StoreUnavailable as error:
        logger.warning("the cron entries of %s are still to be written: %s", module, error)
        return False
    return True


def resident_bytes() -> int:
    """The memory that this process uses now, in bytes; 0 where that cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def die_with(supervisor: int) -> None:
    """Have the kernel end this process when the supervisor's main thread ends (Linux); the channel's end does it elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
