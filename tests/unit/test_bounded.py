"""What a process remembers by name does not grow without end: who enqueues may make names up."""
# What is remembered is nobody else's business:
# pyright: reportPrivateUsage=false

from collections.abc import Callable

import pytest

from tests.model import ModelStore
from winch import bounded
from winch.callables import MAX_PATH, Admission, path_of
from winch.codec import dumps_call, envelope, head
from winch.errors import DecodeError, UnimportableFunction
from winch.job import making
from winch.options import JobOptions, RunOptions
from winch.running.run import Runner
from winch.worker.pace import Pace

MOST = 5


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that a test reaches."""
    monkeypatch.setattr(bounded, "MAX_KNOWN", MOST)


def alias(number: int) -> str:
    """One of endlessly many names of one function."""
    return f"os.{'path.os.' * number}getcwd"


def pace() -> tuple[Callable[[int], object], Callable[[], int]]:
    """Learns how long functions take."""
    made = Pace()
    return lambda number: made.saw(f"f{number}", 1), lambda: len(made._average)


def admission() -> tuple[Callable[[int], object], Callable[[], int]]:
    """Finds functions."""
    made = Admission((), ("*",))
    return lambda number: made.resolve(alias(number)), lambda: len(made._functions)


def runner() -> tuple[Callable[[int], object], Callable[[], int]]:
    """Knows what it has run."""
    made = Runner(ModelStore(), Admission((), ("*",)))
    return lambda number: made._resolve(alias(number)), lambda: len(made._targets)


def known() -> tuple[Callable[[int], object], Callable[[], int]]:
    """Knows what its caller has run."""
    made = Runner(ModelStore(), Admission(()))
    return lambda number: made.know(f"f{number}", len), lambda: len(made._targets)


def judged() -> tuple[Callable[[int], object], Callable[[], int]]:
    """Has said once that no worker would run it."""
    return lambda number: making.new_job("q", f"nomodule.f{number}", (), {}, JobOptions()), lambda: len(making._judged)


def warned() -> tuple[Callable[[int], object], Callable[[], int]]:
    """Has said once that it is large."""
    return lambda number: dumps_call(f"m.f{number}", ("x" * 65_000,), {}), lambda: len(envelope._warned)


@pytest.mark.parametrize("memory", [pace, admission, runner, known, judged, warned])
def test_names_without_end(memory: Callable[[], tuple[Callable[[int], object], Callable[[], int]]]) -> None:
    """What is full is emptied, and filled anew."""
    add, size = memory()
    for number in range(5 * MOST):
        add(number)
    assert 0 < size() <= MOST


def test_a_path_has_an_end() -> None:
    """A longer one is refused where it is enqueued, and read by no worker: it would be remembered."""
    path = "m." + "f" * (MAX_PATH - 2)
    assert head(dumps_call(path_of(path), (), {})).function == path
    with pytest.raises(UnimportableFunction, match="at most 1000 characters"):
        path_of(path + "f")
    with pytest.raises(DecodeError, match="at most 1000 characters, not 1,001"):
        head(dumps_call(path + "f", (), {}))


def test_large_options_are_not_remembered() -> None:
    """Those of most jobs are alike and read once; a long description is a job's own."""
    small, large = [dumps_call("m.f", (), {}, RunOptions(description="x" * size)) for size in (10, 10_000)]
    assert head(small).run is head(small).run
    assert head(large).run is not head(large).run
    assert head(large).run == head(large).run
