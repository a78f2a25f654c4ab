"""What a job uses beyond its row: the bits of `jobs.features`, so that a plain job never looks into a side table."""

from __future__ import annotations

__all__ = ["ATTEMPTS", "AT_FRONT", "CALLBACKS", "CHILDREN", "GROUPED", "LIMITED", "PARENTS", "PAYLOAD", "SNAPSHOT"]

CALLBACKS = 1
"""It has rows in `callbacks`."""
CHILDREN = 2
"""Jobs may wait for it in `children`, or be about to hear of an end of it in `firing`."""
PARENTS = 4
"""It may wait for jobs in `children`."""
SNAPSHOT = 8
"""It is a callback: its parent as it was then is in `snapshots`."""
GROUPED = 64
"""It has a row in `members`."""
AT_FRONT = 16
"""It waits, and will join the front of its queue."""
LIMITED = 32
"""It has rows in `limits`."""
PAYLOAD = 128
"""It has a row in `payloads`, and nothing in `jobs.payload`."""
ATTEMPTS = 256
"""It has rows in `attempts`."""
