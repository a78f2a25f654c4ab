"""Child processes for tests: copies of this one that do something and end."""

import os
import traceback
from collections.abc import Callable


def fork(act: Callable[[], object]) -> int:
    """Start something in a child process; its process id. It ends with status 0 if nothing was raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def status_of(child: int) -> int:
    """Wait for a child process; its exit code, less than 0 if it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
