"""What happened, written down apart from the store under test: one JSON object per line, one `write` per line.

Every line has `t` (CLOCK_MONOTONIC in nanoseconds, one clock for all processes of the machine), `op` and `type`:

    enqueue  invoke p call jobs=[[id, kind, facts]]        then one of ok, info (may have happened), fail (did not)
    cancel   invoke p call id, stop: `cancel(stop=True)`   the same three answers
    requeue  invoke p call id                              the same three answers
    seen     ok     p asked=t ends=[[id, state, token]]    jobs that the store showed as ended; token: the result
    run      start  w pid id token kind                    a job begins; a callback has `parent` and `event`, too
    run      end    w pid id token how                     `return`, or the name of what was raised
    worker   spawn  w pid, exit w pid code asked           a supervisor; `asked`: by the run itself
    fault    begin  kind workers since, end the same       what was done to whom: a worker, a berth, `*` for all
    canary   ok     w                                      after the faults the worker has run a job of its own
    phase    begin  name                                   `healed`: no more faults; `wiped`: the store's data is gone

A call without an answer (its producer was killed) is `info`: it may or may not have happened, for ever.
"""

from __future__ import annotations

import heapq
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class History:
    """A file of history, open for appending. Processes may share one: a line is a single write.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def write(self, op: str, type: str, **facts: Any) -> int:
        """Write a line. Returns its `t`."""
        now = time.monotonic_ns()
        line = {"t": now, "op": op, "type": type, **facts}
        os.write(self._descriptor, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        return now


def read(folder: Path) -> Iterator[Line]:
    """All lines of all files of a folder, by time: as exactly as the lines of one file are.

    Writers of one file may overtake each other for a moment; the lines of one process are in order.
    """
    return heapq.merge(*(_lines(path) for path in sorted(folder.glob("*.jsonl"))), key=_time)


def _time(line: Line) -> int:
    return line["t"]


def _lines(path: Path) -> Iterator[Line]:
    """A last line that was cut short by a kill is left out."""
    with path.open("rb") as file:
        for text in file:
            if text.endswith(b"}\n"):
                yield json.loads(text)
