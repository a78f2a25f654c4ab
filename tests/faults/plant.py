"""Makes one fault happen at one point of this process, once among all processes that share a flag."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.points import STEPS, STORES, Step
from winch.errors import StoreUnavailable

__all__ = ["ENVIRONMENT", "FAULTS", "Plan", "Planted", "plant", "resolve", "targets_of"]

ENVIRONMENT = "WINCH_TEST_FAULT"
"""`point fault flag`, for `site/sitecustomize.py`."""

FAULTS = ("kill", "stop", "raise", "exit", "lose")
"""SIGKILL · SIGSTOP, for the test to go on with · an exception · os._exit(0) · the request (before) or the reply (after)
of a verb is lost, and all its repeats within the deadline were in vain."""


class Planted(RuntimeError):
    """An exception out of nowhere."""


@dataclass(frozen=True)
class Plan:
    """A fault at a point.

    Attributes:
        step: Where.
        side: `before` or `after` it.
        fault: One of `FAULTS`.
        flag: A file that does not exist yet; it then holds the pid of the process that was struck.
    """

    step: Step
    side: str
    fault: str
    flag: Path

    def __str__(self) -> str:
        return f"{self.side}:{self.step.name} {self.fault} {self.flag}"

    @classmethod
    def parse(cls, text: str) -> Plan:
        """The reverse of `str`."""
        point, fault, flag = text.split(" ", 2)
        side, _, name = point.partition(":")
        return cls(next(step for step in STEPS if step.name == name), side, fault, Path(flag))

    def strike(self) -> None:
        """Let it happen, unless it has happened somewhere already."""
        if not self._is_first():
            return
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.fault == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.fault == "exit":
            os._exit(0)
        elif self.fault == "raise":
            raise Planted(f"planted {self.side} {self.step.name}")
        else:
            raise StoreUnavailable(f"planted {self.side} {self.step.name}: the call may have happened")

    def _is_first(self) -> bool:
        if self.flag.exists():
            return False
        with tempfile.NamedTemporaryFile(dir=self.flag.parent) as file:
            file.write(b"%d" % os.getpid())
            file.flush()
            try:
                self.flag.hardlink_to(file.name)  # whole from the first moment on
            except FileExistsError:
                return False
        return True


def targets_of(step: Step) -> list[tuple[Any, str]]:
    """What has to be wrapped for a step: objects and the names of their attributes."""
    if not step.is_verb:
        return [resolve(step.target)]
    verbs = (step.target, "begin_turn") if step.target == "turn" else (step.target,)
    return [(resolve(f"{store}.{verb}")) for store in STORES for verb in verbs]


def resolve(target: str) -> tuple[Any, str]:
    """The object and the attribute of `module:Class.method` or `module:function`."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    if not callable(getattr(owner, name)):
        raise TypeError(f"{target} cannot be called")
    return owner, name


def plant(plan: Plan) -> None:
    """Wrap the step of a plan in this process."""
    for owner, name in targets_of(plan.step):
        setattr(owner, name, _wrapped(plan, getattr(owner, name)))


def _wrapped(plan: Plan, original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    def is_step(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bool(plan.step.asked(bound.arguments))

    def before(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if plan.side == "before" and is_step(args, kwargs):
            plan.strike()

    def after(answer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if plan.side == "after" and is_step(args, kwargs) and plan.step.answered(answer):
            plan.strike()
        return answer

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        before(args, kwargs)
        answer = original(*args, **kwargs)
        if original.__name__ == "begin_turn":  # its answer comes when it is asked for
            return lambda: after(answer(), args, kwargs)
        return after(answer, args, kwargs)

    @functools.wraps(original)
    async def acall(*args: Any, **kwargs: Any) -> Any:
        before(args, kwargs)
        return after(await original(*args, **kwargs), args, kwargs)

    return acall if inspect.iscoroutinefunction(original) else call
