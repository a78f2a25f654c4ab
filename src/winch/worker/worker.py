"""The worker as users start it from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from winch.callables import path_of
from winch.errors import InvalidOption
from winch.job import get_store
from winch.queue import Queue
from winch.worker.log import level_name
from winch.worker.order import order_of, split_weights
from winch.worker.settings import WorkerSettings
from winch.worker.starting import start
from winch.worker.view import WorkerView

__all__ = ["Worker"]

Hooks: TypeAlias = Callable[..., Any] | str | Iterable[Callable[..., Any] | str]
"""One function or several, or their import paths."""


class Worker:
    """Runs the jobs of some queues: a supervisor in this process, executors in processes of their own.

    Args:
        queues: Names or `Queue`s, or one of them, in the order of their priority; with weights `["high=3", "low=1"]`.
        connection: As for `Queue`; the default is that of the first `Queue`, else the configured store.
        name: A label; the default is made of host and pid.
        exception_handlers: Functions, or their paths, called with `(job, type, value, traceback)` for each failed attempt,
            where it ran; one that returns something false other than None is the last.
        on_crash: Functions, or their paths, called with `(job, pid, status, usage)` when a job has crashed its executor or had
            to be killed with it, in a process of their own: `status` as of `os.wait`, `usage` as of `resource.getrusage`.
        **options: Any other field of `WorkerSettings`, e.g. `processes=4`.

    Raises:
        InvalidOption: An unknown option, or a value out of range.
        UnimportableFunction: A function that has no path.
    """

    def __init__(
        self,
        queues: str | Queue | Iterable[str | Queue] = "default",
        connection: object = None,
        name: str | None = None,
        *,
        exception_handlers: Hooks = (),
        on_crash: Hooks = (),
        **options: Any,
    ) -> None:
        listed = [queues] if isinstance(queues, str | Queue) else list(queues)
        if connection is None:
            connection = next((queue.store for queue in listed if isinstance(queue, Queue)), None)
        self._store = get_store(connection)
        names, weights = split_weights([queue if isinstance(queue, str) else queue.name for queue in listed])
        if weights:
            options["weights"] = weights
        options |= {"exception_handlers": _paths(exception_handlers), "on_crash": _paths(on_crash)}
        try:
            self.settings = WorkerSettings(queues=names, url=self._store.url, name=name or "", **options)
        except TypeError as error:
            raise InvalidOption(f"{error}: the options are the fields of winch.worker.WorkerSettings") from None

    def work(
        self,
        burst: bool = False,
        logging_level: str | int | None = None,
        date_format: str | None = None,
        log_format: str | None = None,
        max_jobs: int | None = None,
        max_idle_time: float | None = None,
        with_scheduler: bool = True,  # noqa: ARG002 - for calls written for RQ
        dequeue_strategy: str | None = None,
    ) -> bool:
        """Work until a signal or a command comes, or until it is done.

        Args:
            burst: Stop when nothing is left to do.
            logging_level: As `logging` names or numbers it; None is that of the settings.
            date_format: How times in the log look, for `time.strftime`; None is that of the settings.
            log_format: `text`, `json`, or a format of `logging`; None is that of the settings.
            max_jobs: Stop after that many jobs.
            max_idle_time: Stop after that many seconds without a job.
            with_scheduler: As in RQ, without effect: every worker starts scheduled jobs when they are due.
            dequeue_strategy: How the queues take turns: `strict`, `round-robin` or `random`, or as RQ spells them (`default`,
                `round_robin`); None is that of the settings.

        Returns:
            Whether any job was done.

        Raises:
            InvalidOption: A value that cannot be used.
            StoreUnavailable: The store does not answer at the start. Later it is waited for.
            SystemExit: The executors cannot start (an `imports` module raises).
        """
        given: dict[str, Any] = {
            "log_level": logging_level if logging_level is None else level_name(logging_level),
            "date_format": date_format,
            "log_format": log_format,
            "order": dequeue_strategy if dequeue_strategy is None else order_of(dequeue_strategy),
        }
        settings = replace(
            self.settings,
            burst=burst,
            max_jobs=max_jobs,
            max_idle_time=max_idle_time,
            **{name: value for name, value in given.items() if value is not None},
        )
        supervisor = start(settings)
        if supervisor.exit_status:
            raise SystemExit(supervisor.exit_status)
        return supervisor.jobs_done > 0

    @classmethod
    def all(cls, connection: object = None, queue: Queue | None = None) -> list[WorkerView]:
        """All registered workers, by name.

        Args:
            connection: As for `Queue`.
            queue: Only those that listen to this one, in its store.
        """
        workers = WorkerView.all(get_store(connection) if queue is None else queue.store)
        return [worker for worker in workers if queue is None or queue.name in worker.queues]

    @classmethod
    def find(cls, name: str, connection: object = None) -> WorkerView:
        """A worker by its name or id; of several that share a name one that is alive, the youngest.

        Args:
            name: Its name or id.
            connection: As for `Queue`.

        Raises:
            NoSuchWorker: There is none.
        """
        return WorkerView.named(get_store(connection), name)[0]

    @classmethod
    def count(cls, connection: object = None, queue: Queue | None = None) -> int:
        """How many workers are alive.

        Args:
            connection: As for `Queue`.
            queue: Only those that listen to this one, in its store.
        """
        return sum(worker.alive for worker in cls.all(connection, queue))


def _paths(hooks: Hooks) -> tuple[str, ...]:
    listed = [hooks] if isinstance(hooks, str) or callable(hooks) else hooks
    return tuple(path_of(hook) for hook in listed)
