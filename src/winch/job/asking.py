"""Job, what it asks the store: its state now, its meta."""

from __future__ import annotations

from typing import Any, TypeVar

from winch import codec
from winch.errors import NoSuchJob
from winch.job.view import JobView
from winch.states import ENDED, JobStatus

__all__ = ["Asking"]

R_co = TypeVar("R_co", covariant=True)


class Asking(JobView[R_co]):
    """A job whose state can be asked for."""

    __slots__ = ()

    def refresh(self) -> None:
        """Read the job again, `meta` included.

        Raises:
            NoSuchJob: It is gone.
        """
        if not self._reread():
            raise NoSuchJob(f"job {self._id} is not in {self._store.place} any more: it has expired or was deleted")

    def _reread(self) -> bool:
        if self._draft:
            return True
        record = self._store.get([self._id])[0]
        if record is not None:
            self._take(record)
        return record is not None

    def get_status(self, refresh: bool = True) -> JobStatus:
        """Its state.

        Args:
            refresh: Ask the store; otherwise as of the last reading.

        Raises:
            NoSuchJob: It is gone, and had not ended when it was last read.
        """
        if refresh:
            state = self._look()
            if state is None:
                raise NoSuchJob(f"job {self._id} is not in {self._store.place} any more: it has expired or was deleted")
            return state
        return self.record.state

    def _look(self) -> JobStatus | None:
        """The state now; the last known one if it ended and expired since; None if nobody knows."""
        if self._draft:
            return JobStatus.CREATED
        record = self._store.get([self._id])[0]
        if record is None:
            return self.record.state if self.record.state in ENDED else None
        self._source = record
        return record.state

    @property
    def is_queued(self) -> bool:
        """Ready to run. Each of these asks the store, and is False for a job that is gone."""
        return self._look() is JobStatus.QUEUED

    @property
    def is_started(self) -> bool:
        """Running."""
        return self._look() is JobStatus.STARTED

    @property
    def is_finished(self) -> bool:
        """Ended well."""
        return self._look() is JobStatus.FINISHED

    @property
    def is_failed(self) -> bool:
        """Failed for good."""
        return self._look() is JobStatus.FAILED

    @property
    def is_deferred(self) -> bool:
        """Waiting for other jobs."""
        return self._look() is JobStatus.DEFERRED

    @property
    def is_scheduled(self) -> bool:
        """Due later."""
        return self._look() is JobStatus.SCHEDULED

    @property
    def is_blocked(self) -> bool:
        """Waiting for a limit."""
        return self._look() is JobStatus.BLOCKED

    @property
    def is_canceled(self) -> bool:
        """Canceled before it ran."""
        return self._look() is JobStatus.CANCELED

    @property
    def is_stopped(self) -> bool:
        """Stopped while it ran."""
        return self._look() is JobStatus.STOPPED

    def get_meta(self, refresh: bool = True) -> dict[str, Any]:
        """Its `meta`.

        Args:
            refresh: Read the job again first; what was not saved is lost.

        Raises:
            NoSuchJob: It is gone.
        """
        if refresh:
            self.refresh()
        return self.meta

    def save_meta(self) -> None:
        """Write `meta`, all of it.

        Raises:
            NoSuchJob: The job is gone.
            PayloadTooLarge: More than 64 kB.
        """
        meta = codec.dumps_meta(self.meta)
        if not self._draft:  # then it goes with the job
            self._store.annotate(self._id, meta)
