"""`rq.worker`: RQ's workers over winch's."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from winch.callables import import_object, path_of
from winch.compat.rq.connections import client_of, store_of
from winch.compat.rq.defaults import DEFAULT_LOGGING_DATE_FORMAT, DEFAULT_LOGGING_FORMAT, DEFAULT_RESULT_TTL
from winch.compat.rq.installing import is_installed
from winch.compat.rq.job import Job
from winch.compat.rq.loop import Counts, Loop, Until
from winch.compat.rq.queue import Queue
from winch.compat.rq.views import WorkerView
from winch.errors import UnimportableFunction
from winch.worker import Worker as Core

__all__ = [
    "BaseWorker",
    "DequeueStrategy",
    "HerokuWorker",
    "RandomWorker",
    "RoundRobinWorker",
    "SimpleWorker",
    "SpawnWorker",
    "Worker",
    "WorkerStatus",
]

logger = logging.getLogger("winch.worker")


class WorkerStatus(StrEnum):
    """What a worker does."""

    STARTED = "started"
    SUSPENDED = "suspended"
    BUSY = "busy"
    IDLE = "idle"


class DequeueStrategy(StrEnum):
    """The order in which a worker looks at its queues."""

    DEFAULT = "default"
    ROUND_ROBIN = "round_robin"
    RANDOM = "random"


class LogOptions(NamedTuple):
    """What `work` is told about the log; see there."""

    level: str | int | None
    date_format: str
    format: str


class BaseWorker:
    """What all workers share. Times are in seconds.

    Attributes:
        name: Its label.
        queues: Its queues, in the order of their priority.
        connection: A Redis client where the store is Redis, else the store.
        successful_job_count: Jobs that the last `work` of a `SimpleWorker` finished.
        failed_job_count: Jobs that it failed.
        total_working_time: How long they took.

    Args:
        queues: Queues or names, or one of them, in the order of their priority.
        name: A label; the default is a new one.
        default_result_ttl: No effect: the queue knows it when a job is enqueued.
        connection: A Redis client, or what `winch.Queue` takes; the default is that of the first queue.
        exception_handlers: Functions that are called with `(job, type, value, traceback)` for each attempt that failed. One
            that returns something false other than None is the last.
        worker_ttl: Without a beat for this long the worker counts as dead. None is winch's default.
        job_class: The class of the jobs that come from its queues, or its path.
        queue_class: The class of queues that are named, or its path.
        work_horse_killed_handler: Called with `(job, pid, status, usage)` when a job has killed its process.
        serializer: Of queues that are named.
        **options: RQ's others have no effect: `maintenance_interval`, `default_worker_ttl`, `log_job_description`,
            `job_monitoring_interval`, `disable_default_exception_handler`, `prepare_for_work`.
    """

    queue_class: type[Queue] = Queue
    job_class: type[Job] = Job
    strategy: ClassVar[DequeueStrategy] = DequeueStrategy.DEFAULT

    def __init__(
        self,
        queues: str | Queue | Iterable[str | Queue] = "default",
        name: str | None = None,
        default_result_ttl: int = DEFAULT_RESULT_TTL,  # noqa: ARG002 - RQ's signature
        connection: Any = None,
        exception_handlers: Callable[..., Any] | Sequence[Callable[..., Any] | str] | str | None = None,
        *,
        worker_ttl: float | None = None,
        job_class: type[Job] | str | None = None,
        queue_class: type[Queue] | str | None = None,
        work_horse_killed_handler: Callable[..., Any] | str | None = None,
        serializer: Any = None,
        **options: Any,  # noqa: ARG002 - RQ's signature
    ) -> None:
        listed = [queues] if isinstance(queues, str | Queue) else list(queues)
        if connection is None:
            connection = next((queue.store for queue in listed if isinstance(queue, Queue)), None)
        self._store = store_of(connection)
        if job_class is not None:
            self.job_class = import_object(job_class) if isinstance(job_class, str) else job_class
        if queue_class is not None:
            self.queue_class = import_object(queue_class) if isinstance(queue_class, str) else queue_class
        self.name = name or uuid.uuid4().hex
        self.queues = [self._queue(one, serializer) for one in listed]
        self.exception_handlers = _listed(exception_handlers)
        self.work_horse_killed_handler = work_horse_killed_handler
        self.worker_ttl = worker_ttl
        self.counts = Counts()

    def _queue(self, one: str | Queue, serializer: Any) -> Queue:
        if isinstance(one, str):
            return self.queue_class(one, self._store, job_class=self.job_class, serializer=serializer)
        if not isinstance(one, Queue):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{one!r:.100} is not of type <class 'Queue'> or string types")
        return one

    @property
    def connection(self) -> Any:
        """A Redis client where the store is Redis, else the store."""
        return client_of(self._store)

    @property
    def successful_job_count(self) -> int:
        """See the class."""
        return self.counts.finished

    @property
    def failed_job_count(self) -> int:
        """See the class."""
        return self.counts.failed

    @property
    def total_working_time(self) -> float:
        """See the class."""
        return self.counts.seconds

    def refresh(self) -> None:
        """Nothing to do: the counts are those of this process."""

    def _view(self) -> WorkerView | None:
        return next((each for each in self.all(self._store) if each.name == self.name), None)

    @property
    def state(self) -> str:
        """What it does, as a `WorkerStatus`; `started` while it does not work."""
        view = self._view()
        return WorkerStatus.STARTED if view is None else view.state

    def get_state(self) -> str:
        """The same as `state`."""
        return self.state

    def get_current_job_id(self) -> str | None:
        """The id of the job that it runs."""
        view = self._view()
        return None if view is None else view.get_current_job_id()

    def get_current_job(self) -> Job | None:
        """The job that it runs."""
        view = self._view()
        return None if view is None else view.get_current_job()

    def queue_names(self) -> list[str]:
        """The names of its queues."""
        return [queue.name for queue in self.queues]

    def push_exc_handler(self, handler_func: Callable[..., Any] | str) -> None:
        """Add an exception handler behind the others."""
        self.exception_handlers.append(handler_func)

    def pop_exc_handler(self) -> Callable[..., Any] | str:
        """Remove the last exception handler."""
        return self.exception_handlers.pop()

    def work(
        self,
        burst: bool = False,
        logging_level: str | int | None = None,
        date_format: str = DEFAULT_LOGGING_DATE_FORMAT,
        log_format: str = DEFAULT_LOGGING_FORMAT,
        max_jobs: int | None = None,
        max_idle_time: float | None = None,
        with_scheduler: bool = False,  # noqa: ARG002 - RQ's signature
        dequeue_strategy: DequeueStrategy | str | None = None,
    ) -> bool:
        """Work until a signal or a command comes, or until it is done.

        Args:
            burst: Stop when nothing is left to do.
            logging_level: As `logging` names or numbers it; None is INFO.
            date_format: How times in the log look.
            log_format: A format of `logging`; RQ's own default is taken for winch's text.
            max_jobs: Stop after that many jobs.
            max_idle_time: Stop after that many seconds without a job.
            with_scheduler: No effect: every worker starts scheduled jobs when they are due.
            dequeue_strategy: How the queues take turns.

        Returns:
            Whether any job was done.
        """
        log = LogOptions(logging_level, date_format, log_format)
        return self._run(Until(burst, max_jobs, max_idle_time), str(dequeue_strategy or self.strategy), log)

    def _run(self, until: Until, strategy: str, log: LogOptions) -> bool:
        """What a kind of worker makes of `work`."""
        raise NotImplementedError

    def _run_here(self, until: Until, strategy: str) -> bool:
        loop = Loop(self.queues[0].store, self.name, self.queue_names(), strategy)
        self.counts = loop.work(until, self.exception_handlers)
        return self.counts.done > 0

    # ---- the others ----

    @classmethod
    def all(
        cls,
        connection: Any = None,
        job_class: type[Job] | None = None,
        queue_class: type[Queue] | None = None,  # noqa: ARG003 - RQ's signature
        queue: Queue | None = None,
        serializer: Any = None,  # noqa: ARG003 - RQ's signature
    ) -> list[WorkerView]:
        """Views of all registered workers, by name; only those that listen to `queue`, if it is given."""
        store = store_of(connection) if queue is None else queue.store
        found = WorkerView.of_store(store, job_class or cls.job_class)
        return [worker for worker in found if queue is None or queue.name in worker.queue_names()]

    @classmethod
    def count(cls, connection: Any = None, queue: Queue | None = None) -> int:
        """How many workers are alive."""
        return sum(worker.alive for worker in cls.all(connection, queue=queue))

    @classmethod
    def all_keys(cls, connection: Any = None, queue: Queue | None = None) -> list[str]:
        """RQ's keys of all registered workers, `rq:worker:name`."""
        return [worker.key for worker in cls.all(connection, queue=queue)]

    @classmethod
    def find_by_key(cls, worker_key: str, connection: Any = None, **_: Any) -> WorkerView | None:
        """The worker of a key, None if there is none.

        Raises:
            ValueError: It is no such key.
        """
        if not worker_key.startswith("rq:worker:"):
            raise ValueError(f"Not a valid RQ worker key: {worker_key}")
        return next((worker for worker in cls.all(connection) if worker.key == worker_key), None)

    @property
    def key(self) -> str:
        """RQ's key of the worker. Winch keeps it elsewhere."""
        return f"rq:worker:{self.name}"


def _listed(handlers: Any) -> list[Callable[..., Any] | str]:
    if handlers is None:
        return []
    return [handlers] if callable(handlers) or isinstance(handlers, str) else list(handlers)


class Worker(BaseWorker):
    """Runs the jobs of some queues: a supervisor in this process, an executor in a process of its own.

    It runs any function and loads pickles, as RQ's does. With an exception handler that has no import path (a function inside
    a function) the jobs run in this process, for no other could call it.
    """

    processes: ClassVar[int] = 1

    def _run(self, until: Until, strategy: str, log: LogOptions) -> bool:
        if self._store.url == "sqlite://":
            logger.info("the jobs run in this process: no other one can see a store in memory")
            return self._run_here(until, strategy)
        try:
            handlers = [path_of(handler) for handler in self.exception_handlers]
        except UnimportableFunction as error:
            logger.warning("the jobs run in this process: %s", error)
            return self._run_here(until, strategy)
        return self._core(handlers).work(
            logging_level=log.level,
            date_format=log.date_format,
            log_format=None if log.format == DEFAULT_LOGGING_FORMAT else log.format,
            dequeue_strategy=strategy,
            **until._asdict(),
        )

    def _core(self, handlers: Sequence[str]) -> Core:
        """Winch's worker with RQ's rule."""
        setup = "winch.compat.rq.executing_installed" if is_installed() else "winch.compat.rq.executing"
        given: dict[str, Any] = {
            "exception_handlers": handlers,
            "on_crash": [self.work_horse_killed_handler] if self.work_horse_killed_handler else [],
        }
        if self.worker_ttl:
            given["worker_ttl"] = self.worker_ttl
        return Core(
            self.queue_names(),
            self._store,
            self.name,
            processes=self.processes,
            allow=("*",),
            pickle=True,
            imports=(setup,),
            paths=_own_paths(),
            **given,
        )


def _own_paths() -> tuple[str, ...]:
    """Where this process finds modules, so that executors find the same functions."""
    installed = (sys.prefix, sys.base_prefix)
    return (".", *(path for path in sys.path if path and not path.startswith(installed)))


class SimpleWorker(BaseWorker):
    """Runs the jobs in this process, one after the other. It leaves the configuration of logging to the program."""

    def _run(self, until: Until, strategy: str, log: LogOptions) -> bool:  # noqa: ARG002 - see the class
        return self._run_here(until, strategy)


SpawnWorker = Worker
HerokuWorker = Worker


class RoundRobinWorker(Worker):
    """Deprecated: `dequeue_strategy="round_robin"`."""

    strategy = DequeueStrategy.ROUND_ROBIN


class RandomWorker(Worker):
    """Deprecated: `dequeue_strategy="random"`."""

    strategy = DequeueStrategy.RANDOM
