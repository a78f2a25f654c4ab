"""What `import rq` finds: winch, or with `WINCH_COMPAT=rq` RQ itself (which must be installed then)."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import winch.compat.rq

__all__ = ["REAL", "rq"]

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
