"""A call that is to become a job, and what in its keywords are options."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast, overload

from winch.callables import parameters
from winch.callables.paths import unwrap_task
from winch.errors import AmbiguousOption
from winch.options import JobKeywords, check_args

__all__ = ["NO_OPTIONS", "Call", "call", "split_options"]

P = ParamSpec("P")
R = TypeVar("R")

NO_OPTIONS: Final[JobKeywords] = JobKeywords()
_OPTIONS = (JobKeywords.__annotations__.keys() - {"timeout", "group"}) | {"job_timeout", "args", "kwargs"}


class Call(Generic[R]):
    """A call for `enqueue_many`; `R` is what it returns.

    Attributes:
        function: The function or its import path.
        args: Positional arguments.
        kwargs: Keyword arguments.
        options: Options of this job.
    """

    __slots__ = ("args", "function", "kwargs", "options")

    def __init__(
        self,
        function: Callable[..., Any] | str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: JobKeywords = NO_OPTIONS,
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs or {}
        self.options = options

    def __repr__(self) -> str:
        return f"Call({self.function!r}, {self.args!r}, {dict(self.kwargs)!r})"


@overload
def call(f: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...
@overload
def call(f: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...
@overload
def call(f: str, /, *args: Any, **kwargs: Any) -> Call[Any]: ...
def call(f: Any, /, *args: Any, **kwargs: Any) -> Call[Any]:
    """A call for `enqueue_many`: `queue.enqueue_many(call(send, user) for user in users)`."""
    return Call(f, args, kwargs)


def split_options(
    f: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any], way: str = "enqueue"
) -> tuple[Sequence[Any], Mapping[str, Any], JobKeywords]:
    """Arguments, keyword arguments and options of a call whose keywords hold both.

    Raises:
        AmbiguousOption: A keyword is an option and a parameter of the function.
        InvalidOption: `args` is a text or a dict.
    """
    given = kwargs.keys() & _OPTIONS
    if not given:
        return args, kwargs, NO_OPTIONS
    if callable(f) and (both := sorted(given & parameters(unwrap_task(f)))):
        raise AmbiguousOption(_ambiguous(f, both[0], kwargs[both[0]], way))
    options = {name: kwargs.pop(name) for name in given}
    if "job_timeout" in options:
        options["timeout"] = options.pop("job_timeout")
    call_args, call_kwargs = options.pop("args", None), options.pop("kwargs", None)
    check_args(call_args or ())
    return (
        args if call_args is None else (*args, *call_args),
        kwargs if call_kwargs is None else {**kwargs, **call_kwargs},
        cast(JobKeywords, options),
    )


def _ambiguous(f: Callable[..., Any], name: str, value: object, way: str) -> str:
    function = getattr(f, "__name__", repr(f))
    text = f"{value!r:.40}"
    option = "timeout" if name == "job_timeout" else name
    as_option = "" if name in ("args", "kwargs") else f"{option}={text}"
    return (
        f"{name!r} is an option of {way}() and a parameter of {function}(). "
        f"For the option: queue.using({as_option}).{way}({function}, ...). "
        f"For the parameter: queue.using().{way}({function}, {name}={text})"
    )
