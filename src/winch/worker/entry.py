"""The executor's process: `python -m winch.worker.entry DESCRIPTOR`, started by the supervisor.

1. Imports what it needs, waits for its brief on the inherited channel, and ties its life to the supervisor's.
2. Imports what it was told to, and writes the cron entries that it was told to; if that fails, says so and has claimed nothing.
3. Works until it is told to stop.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import sys
import traceback

from winch.worker.channel import Brief, Channel
from winch.worker.executor import Executor
from winch.worker.surroundings import load_hooks, prepare, write_cron

__all__ = ["main"]


def main() -> int:
    """The process: returns its exit status."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    try:
        brief = Brief.from_message(channel.receive_first())
    except EOFError:
        return 0  # the supervisor is gone, or has no use for this process
    for descriptor in (channel.fileno(), brief.vitals):
        os.set_inheritable(descriptor, False)  # not for the processes that jobs start
    prepare(brief.settings, brief.supervisor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        for name in brief.settings.imports:
            importlib.import_module(name)
        load_hooks(brief.settings.on_crash, brief.settings)  # a wrong one is noticed now, not at the first crash
        write_cron(brief.settings)
        executor = Executor(brief, channel)
    except BaseException:
        channel.send({"say": "failed", "traceback": traceback.format_exc()})
        return 1
    signal.signal(signal.SIGTERM, lambda _number, _frame: executor.tell_to_stop())
    try:
        executor.run()
    except BaseException:
        # A thread that a job left behind must not keep a broken executor.
        traceback.print_exc()
        logging.shutdown()
        os._exit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
