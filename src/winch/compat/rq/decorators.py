"""`rq.decorators`: `@job` gives a function its queue."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from winch.compat.rq.queue import Queue

__all__ = ["job"]


class job:  # noqa: N801 - RQ's name
    """Gives a function `enqueue` and `delay`.

    Args:
        queue: A queue, or its name.
        connection: Of a queue that is named.
        timeout: Seconds that an attempt may run.
        queue_class: Of a queue that is named.
        **options: RQ's: `result_ttl`, `ttl`, `depends_on`, `at_front`, `meta`, `description`, `failure_ttl`, `retry`,
            `on_failure`, `on_success`, `on_stopped`, `webhooks`.
    """

    queue_class = Queue

    def __init__(
        self,
        queue: Queue | str,
        connection: Any = None,
        timeout: float | str | None = None,
        queue_class: type[Queue] | None = None,
        **options: Any,
    ) -> None:
        self._queue, self._connection = queue, connection
        self._class = queue_class or self.queue_class
        self._options = {"timeout": timeout, **options}

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with `enqueue` and `delay` that take its arguments, `depends_on`, `job_id` and `at_front`."""

        @wraps(f)
        def delay(*args: Any, **kwargs: Any) -> Any:
            options = dict(self._options)
            for name in ("depends_on", "job_id", "at_front"):
                if name in kwargs:
                    options[name] = kwargs.pop(name)
            return self._resolved().enqueue_call(f, args, kwargs, **options)

        function: Any = f
        function.delay = function.enqueue = delay
        return f

    def _resolved(self) -> Queue:
        queue = self._queue
        return self._class(queue, self._connection) if isinstance(queue, str) else queue
