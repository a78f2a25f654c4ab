"""What goes wrong in SQLite, as winch's errors."""

from __future__ import annotations

import errno
import sqlite3

from winch.errors import StoreRefused, StoreUnavailable

__all__ = ["StoreFull", "explained", "is_busy"]


class StoreFull(StoreRefused):
    """There is no space for what was to be written, and nothing was."""


_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full. Nothing was written; free some space",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only. Let this user write to both, or give another place",
    sqlite3.SQLITE_PERM: "access is denied. Let this user read and write the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Check that the directory exists and that this user may write to it, or"
    " give another place",
    sqlite3.SQLITE_CORRUPT: "the file is damaged. Stop all workers, keep a copy, and save what can be read with"
    " `sqlite3 FILE .recover`",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database. Check the address",
    sqlite3.SQLITE_IOERR: "reading or writing failed. Nothing was written; check the disk, its quota and the limit on the"
    " size of files",
    sqlite3.SQLITE_TOOBIG: "a value is too large for SQLite. Store it elsewhere and pass its name",
}
_NO_SPACE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)  # the latter: a quota, or the limit on the size of files
_NO_PLACE = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EROFS)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection is in the way, and trying again may help."""
    return _primary(error) in _BUSY


def explained(error: sqlite3.Error | OSError, place: str) -> Exception:
    """The error of winch's that a driver's error means. What is still a `sqlite3.Error` is a bug of ours."""
    if isinstance(error, StoreUnavailable):
        return error
    if isinstance(error, OSError):
        advice = "; make the folder and its files writable for this user, or give another place"
        told = advice if error.errno in _NO_PLACE else ""
        return StoreRefused(f"{place}: {error}{told}")
    if is_busy(error):
        return StoreUnavailable(f"{place}: another process holds the database; nothing was written")
    advice = _ADVICE.get(_primary(error))
    kind = StoreFull if getattr(error, "sqlite_errorcode", 0) in _NO_SPACE else StoreRefused
    return kind(f"{place}: {advice} (SQLite says: {error})") if advice else error


def _primary(error: sqlite3.Error) -> int:
    """The result code without what extends it; 0 for an error that the module itself raised."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
