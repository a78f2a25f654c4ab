"""The store in one SQLite file: no server, any number of processes of one machine.

Read it in this order: `schema.sql`, `connection.py` and `transaction.py` (how a call reads and writes), `steps.py` (what
becomes of a job), then the verbs in `hot.py`, `liveness.py` and `control.py`.
"""

from winch.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
