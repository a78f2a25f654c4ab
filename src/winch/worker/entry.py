"""The executor's process: `python -m winch.worker.entry DESCRIPTOR`, started by the supervisor.

1. Reads its brief from the inherited channel and ties its life to the supervisor's.
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
from pathlib import Path

from winch import codec
from winch.callables import project_root
from winch.job import use_url
from winch.worker.channel import Brief, Channel
from winch.worker.executor import Executor
from winch.worker.log import set_up
from winch.worker.surroundings import die_with, write_cron

__all__ = ["main"]


def main() -> int:
    """The process: returns its exit status."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    brief = Brief.from_message(channel.receive_first())
    for descriptor in (channel.fileno(), brief.vitals):
        os.set_inheritable(descriptor, False)  # not for the processes that jobs start
    _prepare(brief)
    try:
        for name in brief.settings.imports:
            importlib.import_module(name)
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


def _prepare(brief: Brief) -> None:
    die_with(brief.supervisor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.environ["WINCH_URL"] = brief.settings.url  # what jobs enqueue goes to the store they came from,
    use_url(brief.settings.url)  # also after one of them has emptied the environment
    for path in reversed([*brief.settings.paths, project_root()]):
        sys.path.insert(0, str(Path(path).resolve()))
    codec.permit_pickle(brief.settings.pickle)
    set_up(brief.settings.log_level, brief.settings.log_format)


if __name__ == "__main__":
    sys.exit(main())
