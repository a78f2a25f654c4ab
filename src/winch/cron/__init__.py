"""Jobs that are enqueued again and again: by a cron expression, or in an interval.

Entries are data in the store. Every worker fires them, and each slot fires once, however many workers there are. They come
from a module, which `register`s them and is written as a whole (`Cron.sync`, `winch cron sync`, `winch worker --cron`), or
are added one by one at run time (`Cron.add`).
"""

from winch.cron.entries import Entry
from winch.cron.registering import register, registered
from winch.cron.schedule import Misfire, Schedule
from winch.cron.table import Cron

__all__ = ["Cron", "Entry", "Misfire", "Schedule", "register", "registered"]
