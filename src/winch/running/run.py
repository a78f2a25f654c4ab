"""One attempt of a job, from the claim to its outcome: decode, resolve, perform, encode. The only caller of user code.

Nothing here knows of workers. Who runs an attempt may end it early with `Run.interrupt`, from a signal handler, another
thread or the event loop; `Run.armed` says whether user code can be interrupted at this moment.
"""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, cast

from winch import codec
from winch.bounded import make_room
from winch.callables import Admission
from winch.errors import DecodeError, JobInterrupted, JobTimeout, MaxRetriesExceeded, NewerPayload, Refused, RetryLater
from winch.job import Job, Running, current, current_job
from winch.options import DEFAULT_RUN, Retry
from winch.running import hooks
from winch.running.callbacks import callback_arguments
from winch.running.handlers import Handler, call_handlers
from winch.running.retrying import after_failure, after_returned, after_success, names_of
from winch.running.showing import showing
from winch.stores.contract import Claim, Outcome, Store

__all__ = ["NEWER_DELAY", "Run", "Runner"]

NEWER_DELAY = 60_000
"""A payload that a newer winch wrote is put back for this many milliseconds, so that a newer worker can take it."""

_HERE = str(Path(__file__).parent.parent)


class _Target(NamedTuple):
    function: Callable[..., Any]
    is_async: bool


class Run(Running):
    """One attempt that is under way.

    Attributes:
        store: Where the job lives, once it is prepared.
        started: `time.monotonic_ns()` at its start.
        elapsed: Nanoseconds that it took, once it is over.
        armed: User code is running: an exception may be raised in it.
        marked: It is known to the store as begun.
        interrupted: The exception that was raised in it from outside, if any.
        handled: The exception handlers have been called.
    """

    __slots__ = (
        "args",
        "armed",
        "elapsed",
        "function",
        "handled",
        "interrupted",
        "is_async",
        "kwargs",
        "marked",
        "options",
        "started",
        "target",
    )

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.extra = {}
        self.at_end = None
        self.function = ""
        self.options = DEFAULT_RUN
        self.target: Callable[..., Any] | None = None
        self.is_async = False
        self.args: Any = ()
        self.kwargs: Any = {}
        self.started = time.monotonic_ns()
        self.elapsed = 0
        self.armed = False
        self.marked = claim.suspect
        self.interrupted: type[BaseException] | None = None
        self.handled = False

    @property
    def limit(self) -> float | None:
        """Seconds that the job may run, None for any time."""
        return self.options.timeout

    def overdue(self, now: int) -> bool:
        """Whether the time limit is over at `now` (monotonic nanoseconds)."""
        limit = self.options.timeout
        return limit is not None and now - self.started > limit * 1e9

    def stop_clock(self) -> int:
        """Set `elapsed`, the nanoseconds since the start, and return it in milliseconds."""
        self.elapsed = time.monotonic_ns() - self.started
        return self.elapsed // 1_000_000


class Runner:
    """Runs claims against a store, under the rule of what may run.

    Args:
        store: Where the jobs live; handed to callbacks and to `current_job()`.
        admission: What may be imported and run.
        handlers: Are told of every attempt that failed.
    """

    def __init__(self, store: Store, admission: Admission, handlers: Sequence[Handler] = ()) -> None:
        self._store, self._handlers = store, handlers
        self._admission = admission
        self._targets: dict[str, _Target] = {}

    def know(self, path: str, function: Callable[..., Any]) -> None:
        """Take this function for what a path names, without an import: the caller's own, in the caller's process."""
        make_room(self._targets)
        self._targets[path] = _Target(function, inspect.iscoroutinefunction(function))

    # ---- before ----

    def prepare(self, run: Run) -> Outcome | None:
        """Decode the payload and find the function. An outcome if the job cannot run, else None: `run` is filled in."""
        try:
            return self._prepare(run)
        except (JobTimeout, JobInterrupted) as error:  # it came between an import and our bookkeeping
            run.armed = False
            return self.failed(run, error)

    def _prepare(self, run: Run) -> Outcome | None:
        claim, run.store = run.claim, self._store
        try:
            run.armed = True
            call = codec.load_call(claim.payload, self._admission.load_class)
            run.function, run.options = call.function, call.run
            target = self._targets.get(call.function) or self._resolve(call.function)
            run.args, run.kwargs = call.args, call.kwargs
            if run.options.kind != "job":
                run.args = callback_arguments(self._store, claim, call, self._admission.load_class)
            run.armed = False
        except NewerPayload:
            run.armed = False
            return Outcome(claim.token, claim.id, "retry", delay=NEWER_DELAY, counts=False)
        except BaseException as error:
            run.armed = False
            return self._not_runnable(run, error)
        run.target, run.is_async = target
        return None

    def _resolve(self, path: str) -> _Target:
        function = self._admission.resolve(path)
        make_room(self._targets)
        target = self._targets[path] = _Target(function, inspect.iscoroutinefunction(function))
        return target

    def _not_runnable(self, run: Run, error: BaseException) -> Outcome:
        if not run.function:  # the arguments could not be read; the envelope may still tell whose they are
            try:
                head = codec.head(run.claim.payload)
                run.function, run.options = head.function, head.run
            except DecodeError:
                run.function = "?"
        if isinstance(error, Refused):
            return self.failed(run, error, "refused")
        if isinstance(error, DecodeError):
            return self.failed(run, error, "undecodable")
        return self.failed(run, error)

    # ---- during ----

    def perform(self, run: Run) -> Outcome:
        """Run a prepared job on this thread. Never raises."""
        token = current.set(run)
        try:
            return self._perform(run)
        except BaseException as error:  # an interruption came between the job and its bookkeeping, or that went wrong
            run.armed = False
            return self.failed(run, error)
        finally:
            current.reset(token)

    def _perform(self, run: Run) -> Outcome:
        target = run.target
        if target is None:
            raise RuntimeError("perform() before prepare()")
        try:
            run.armed = True
            value = self._with_hooks(run, target) if hooks.sync_hooks else target(*run.args, **run.kwargs)
            if run.options.then and not isinstance(value, Retry):
                self._call_then(run, value)
            run.armed = False
        except BaseException as error:
            run.armed = False
            outcome = self.failed(run, error)
        else:
            outcome = self._finished(run, value)
        if run.at_end:
            run.at_end()
        return outcome

    def _with_hooks(self, run: Run, target: Callable[..., Any]) -> Any:
        job = showing().job(Job.from_claim(self._store, run.claim))
        with ExitStack() as stack:
            for hook in hooks.sync_hooks:
                stack.enter_context(hook(job))
            return target(*run.args, **run.kwargs)

    def _call_then(self, run: Run, value: Any) -> None:
        """The callbacks of a success that belong to the attempt."""
        shown = showing()
        job: Job[Any] = Job.from_claim(self._store, run.claim)
        for path in run.options.then:
            function, _ = self._targets.get(path) or self._resolve(path)
            function(shown.job(job), shown.connection(self._store), value)

    async def perform_async(self, run: Run) -> Outcome:
        """Run a prepared `async def` job on the running loop. Never raises, but for an event loop that is shut down."""
        current.set(run)
        target = run.target
        if target is None:
            raise RuntimeError("perform_async() before prepare()")
        try:
            run.armed = True
            if hooks.async_hooks or hooks.sync_hooks:
                value = await self._with_async_hooks(run, target)
            else:
                value = await target(*run.args, **run.kwargs)
            if run.options.then and not isinstance(value, Retry):
                self._call_then(run, value)
        except BaseException as error:
            run.armed = False
            # An interruption reaches a coroutine as a cancellation; who asked for it tells why.
            outcome = self.failed(run, run.interrupted() if run.interrupted else error)
        else:
            run.armed = False
            outcome = self._finished(run, value)
        if run.at_end:
            run.at_end()
        return outcome

    async def _with_async_hooks(self, run: Run, target: Callable[..., Any]) -> Any:
        job = showing().job(Job.from_claim(self._store, run.claim))
        async with AsyncExitStack() as stack:
            for sync_hook in hooks.sync_hooks:
                stack.enter_context(sync_hook(job))
            for hook in hooks.async_hooks:
                await stack.enter_async_context(hook(job))
            return await target(*run.args, **run.kwargs)

    # ---- after ----

    def _finished(self, run: Run, value: Any) -> Outcome:
        claim = run.claim
        elapsed = run.elapsed = time.monotonic_ns() - run.started
        limit = run.options.timeout
        if run.interrupted is JobTimeout or (limit is not None and elapsed > limit * 1e9):
            return self.failed(run, JobTimeout(f"it ran for {elapsed / 1e9:.3f} s, its limit is {limit:g} s"))
        result = b""
        if value is not None:
            if isinstance(value, Retry):
                return self._retry_returned(run, value)
            try:
                result = codec.dumps_result(value, run.options.codec)
            except Exception as error:
                return self.failed(run, error, final=True)
        if run.options.repeat is None or (wait := after_success(run.options.repeat, claim.repeats)) is None:
            return Outcome(claim.token, claim.id, "finished", "", elapsed // 1_000_000, 0, result)
        return Outcome(claim.token, claim.id, "repeat", "", elapsed // 1_000_000, 0, result, delay=wait)

    def _retry_returned(self, run: Run, policy: Retry) -> Outcome:
        """The job asks to run again."""
        decision = after_returned(policy, run.claim.fails)
        if not decision.retry:
            return self.failed(run, MaxRetriesExceeded(f"it returned a Retry after {policy.max} retries"), final=True)
        claim, took = run.claim, run.elapsed // 1_000_000
        told = describe(RetryLater(decision.delay / 1000, message="it returned a Retry"))
        return Outcome(
            claim.token, claim.id, "retry", "", took, detail=told, delay=decision.delay, at_front=decision.at_front
        )

    def failed(self, run: Run, error: BaseException, reason: str = "", *, final: bool = False) -> Outcome:
        """What an attempt that ended with this error comes to: failed, to be retried, or put back if it had to make way."""
        claim = run.claim
        if isinstance(error, KeyboardInterrupt):
            run.interrupted = KeyboardInterrupt  # who runs jobs in a user's own process has to hear of it
        if isinstance(error, JobInterrupted):
            return Outcome(claim.token, claim.id, "returned", "interrupted", run.stop_clock(), detail=describe(error))
        if isinstance(error, JobTimeout) and not error.args and run.limit is not None:
            error = JobTimeout(f"the job ran longer than its limit of {run.limit:g} s").with_traceback(
                error.__traceback__
            )
        reason = reason or ("timeout" if isinstance(error, JobTimeout) else "raised")
        mro = names_of(type(error))
        decision = after_failure(run.options, claim.fails, reason, mro, error)
        retry = decision.retry and not final
        outcome = Outcome(
            claim.token,
            claim.id,
            "retry" if retry else "failed",
            reason,
            run.stop_clock(),
            detail=describe(error),
            delay=decision.delay if retry else 0,
            counts=decision.counts,
            at_front=decision.at_front,
        )
        if self._handlers and not run.handled:
            run.handled = True
            self._tell_handlers(run, error)
        return outcome

    def _tell_handlers(self, run: Run, error: BaseException) -> None:
        """Outside of the job's time, but where it ran, and with the same `current_job()`."""
        token = current.set(run)
        try:
            call_handlers(self._handlers, cast("Job[Any]", current_job()), error)
        finally:
            current.reset(token)


def describe(error: BaseException) -> bytes:
    """An error as the history keeps it: names and text, never the object. Survives exceptions that cannot tell theirs."""
    try:
        message = str(error)
    except Exception:
        message = "(its __str__ raised)"
    try:
        lines = traceback.format_exception(type(error), error, _without_our_frames(error.__traceback__))
        text = "".join(lines)
    except Exception:
        text = f"{type(error).__qualname__}: {message}\n(its traceback could not be formatted)"
    names = names_of(type(error))
    return codec.dumps_error(names[0], names, message, text)


def _without_our_frames(tb: TracebackType | None) -> TracebackType | None:
    """The traceback from the user's first frame on; all of it if there is none."""
    frame = tb
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_HERE):
        frame = frame.tb_next
    return frame or tb
