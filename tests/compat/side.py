"""What `import rq` finds: winch, or with `WINCH_COMPAT=rq` RQ itself (which must be installed then)."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import winch.compat.rq
from winch import codec
from winch.compat.rq import connections
from winch.job import use_admission
from winch.running.showing import Showing, show_as

__all__ = ["REAL", "leave_no_trace", "rq"]

REAL = os.environ.get("WINCH_COMPAT") == "rq"

if not REAL:
    winch.compat.rq.install()

rq: Any = import_module("rq")
for _name in (
    *("callbacks", "command", "cron", "decorators", "exceptions", "executions", "group", "job", "queue", "rate_limit"),
    *("registry", "repeat", "results", "scheduler", "serializers", "suspension", "timeouts", "utils", "worker"),
    "worker_pool",
):
    import_module(f"rq.{_name}")


def leave_no_trace() -> None:
    """Let winch's own rule hold again in this process: compat lets it load pickles and run everything."""
    connections.forget()
    use_admission(None)
    codec.permit_pickle(False)
    codec.otherwise(None)
    show_as(Showing())
