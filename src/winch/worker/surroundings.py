"""What user code needs of the process that it runs in."""

from __future__ import annotations

import ctypes
import inspect
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from winch import codec
from winch.callables import import_object, project_root
from winch.errors import InvalidOption, StoreUnavailable
from winch.job import use_admission, use_url
from winch.running.run import Runner
from winch.stores import open_store
from winch.worker.log import set_up
from winch.worker.rule import admission_of, roots_of
from winch.worker.settings import WorkerSettings

__all__ = ["die_with", "load_hooks", "make_runner", "prepare", "resident_bytes", "write_cron"]

logger = logging.getLogger("winch.worker")

_PR_SET_PDEATHSIG = 1

_M_TOP_PAD, _M_MMAP_THRESHOLD = -2, -3  # malloc.h
_KEPT, _LARGEST = 1024 * 1024, 4 * 1024 * 1024

_PAUSE = 1.0
"""Seconds between two attempts while the store is gone."""


def prepare(settings: WorkerSettings, supervisor: int) -> None:
    """Make this process one of the worker's: tied to its supervisor, with its store, its code and its log."""
    die_with(supervisor)
    _keep_freed_memory()
    os.environ["WINCH_URL"] = settings.url  # what jobs enqueue goes to the store they came from,
    use_url(settings.url)  # also after one of them has emptied the environment
    for path in reversed([*settings.paths, project_root()]):
        sys.path.insert(0, str(Path(path).resolve()))
    codec.permit_pickle(settings.pickle)
    set_up(settings)


def _keep_freed_memory() -> None:
    """Have glibc keep 1 MB of what is freed, also of values of up to 4 MB.

    Else it gives what a large value has taken back to the system at once, to ask for it again a moment later: of a job with
    100 kB of arguments and a result of that size half of the time went there.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TOP_PAD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)


def load_hooks(paths: Sequence[str], settings: WorkerSettings) -> tuple[Callable[..., Any], ...]:
    """The functions that whoever started the worker named: they need no admission.

    Raises:
        InvalidOption: One of them cannot be called.
        Exception: Whatever importing them raises.
    """
    found = [import_object(path, roots_of(settings)) for path in paths]
    for path, hook in zip(paths, found, strict=True):
        if not callable(hook) or inspect.iscoroutinefunction(hook):
            raise InvalidOption(f"{path} is no plain function: exception handlers and on_crash are called, not awaited")
    return tuple(found)


def make_runner(settings: WorkerSettings) -> Runner:
    """A runner under the rule of this worker, with a store of its own."""
    admission = admission_of(settings)
    admission.describe()  # looks at what is installed, once per process
    use_admission(admission)
    handlers = load_hooks(settings.exception_handlers, settings)
    return Runner(open_store(settings.url, deadline=5.0), admission, handlers)


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
