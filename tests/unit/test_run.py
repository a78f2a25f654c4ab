"""One run: whatever is in a payload, whatever a job raises, there is an outcome (FAULTS rows 45, 48 and 67)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model import ModelStore
from winch import codec
from winch.callables import Admission
from winch.errors import DecodeError, NewerPayload
from winch.job import Job, current
from winch.options import Retry, RunOptions
from winch.running.run import Run, Runner, describe
from winch.running.showing import Showing, show_as
from winch.stores.contract import Claim, Outcome
from winch.worker.lanes import limit_of


@pytest.fixture(autouse=True)
def no_job_runs_here_any_more() -> Iterator[None]:
    """What a runner leaves in this thread's context is not for the tests that follow."""
    yield
    current.set(None)


DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OPTIONS = st.dictionaries(
    st.sampled_from(["timeout", "retry", "kind", "event", "description", "codec", "then", "colour"]), DATA, max_size=3
)
BODY = DATA | st.just(ormsgpack.packb([["a"], None])) | DATA.map(ormsgpack.packb)
PAYLOADS = st.tuples(st.just("builtins.len") | DATA, OPTIONS.map(ormsgpack.packb) | DATA, BODY).map(
    lambda parts: b"\x01" + ormsgpack.packb(list(parts))
)


def claim(payload: bytes) -> Claim:
    """A claim of a job with this payload."""
    return Claim(1, "id", "q", payload, b"", False, 0, 0, 0, 0, 0, 0, 0, None)


@settings(max_examples=200)
@given(PAYLOADS | st.binary(max_size=40))
def test_any_payload_has_an_outcome(payload: bytes) -> None:
    """Options of a wrong kind, forged arguments, junk: undecodable, refused or left for a newer winch, never an exception."""
    with contextlib.suppress(DecodeError):
        codec.head(payload)
    with contextlib.suppress(DecodeError):
        codec.load_call(payload, Admission(()).load_class)
    run = Run(claim(payload))
    runner = Runner(ModelStore(), Admission((), ("builtins.len",)))
    outcome = runner.prepare(run)
    assert limit_of(run) >= -1
    assert run.overdue(0) in (True, False)
    if outcome is None:
        outcome = runner.perform(run)
    assert outcome.kind in ("finished", "failed", "retry")
    assert outcome.delay >= 0


@settings(max_examples=150)
@given(st.binary(max_size=60) | DATA.map(lambda data: b"\x01m" + ormsgpack.packb(data)))
def test_any_bytes_are_a_result_an_error_or_meta_or_refused(data: bytes) -> None:
    """Forged results, errors and meta are read as data or refused with DecodeError."""
    load = Admission(()).load_class
    readers: list[Callable[[bytes], Any]] = [
        codec.plain_result,
        lambda one: codec.load_result(one, load),
        codec.load_meta,
        lambda one: codec.load_meta(one[1:], load),
    ]
    for read in readers:
        with contextlib.suppress(DecodeError):
            read(data)
    info = codec.load_error(data)
    assert {type(info.type_name), type(info.message), type(info.traceback)} == {str}


@pytest.mark.parametrize("option", [{"codec": "cbor"}, {"kind": "batch"}, {"event": "later"}, {"colour": "red"}])
def test_words_of_a_newer_winch(option: dict[str, str]) -> None:
    """An option that is one of a few words has one that is unknown here: a newer winch wrote it."""
    with pytest.raises(NewerPayload, match=r"colour|does not know"):
        codec.head(b"\x01" + ormsgpack.packb(["a.f", ormsgpack.packb(option), b""]))


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Deep(Exception):
    def __str__(self) -> str:
        return str(self)


@pytest.mark.parametrize(
    "error",
    [Silent(), Deep(), ValueError("x" * 1_000_000), ValueError("\ud800\0"), ExceptionGroup("g", [Silent(), Deep()])],
    ids=["silent", "deep", "huge", "surrogates", "group"],
)
def test_any_error_can_be_described(error: BaseException) -> None:
    """The history keeps names and a text of bounded size, whatever the exception does when it is asked."""
    info = codec.load_error(describe(error))
    assert info.type_name.endswith(type(error).__qualname__)
    assert len(info.message) + len(info.traceback) < 80_000


def returns(value: Any) -> Any:
    """Returns what it is given."""
    return value


def fails_then(job: Any, connection: Any, result: Any) -> None:
    """A callback that belongs to the attempt, and fails."""
    raise RuntimeError(f"{job.id} {result}")


def ran(runner: Runner, payload: bytes) -> Outcome:
    """The outcome of a call of `returns`, which the runner knows."""
    runner.know("any.returns", returns)
    runner.know("any.fails", fails_then)
    run = Run(claim(payload))
    return runner.prepare(run) or runner.perform(run)


def test_a_callback_inside_the_attempt() -> None:
    """It is called with the job, the store and the result, and the attempt fails if it does."""
    payload = codec.dumps_call("any.returns", [7], {}, RunOptions(then=("any.fails",)))
    outcome = ran(Runner(ModelStore(), Admission(())), payload)
    assert (outcome.kind, codec.load_error(outcome.detail).message) == ("failed", "id 7")


def test_a_retry_that_is_returned() -> None:
    """It is no result: the job runs again after its wait, and no callback of a success is called."""
    runner = Runner(ModelStore(), Admission(()))
    runner.know("any.retries", lambda: Retry(2, [3, 5]))
    runner.know("any.fails", fails_then)
    for fails, expected in ((0, ("retry", 3_000)), (1, ("retry", 5_000)), (2, ("failed", 0))):
        run = Run(claim(codec.dumps_call("any.retries", [], {}, RunOptions(then=("any.fails",))))._replace(fails=fails))
        outcome = runner.prepare(run) or runner.perform(run)
        assert (outcome.kind, outcome.delay) == expected
    assert codec.load_error(outcome.detail).type_name == "winch.errors.MaxRetriesExceeded"


def test_user_code_can_be_shown_other_classes() -> None:
    """What a process is told to show is what callbacks get."""

    class Other(Showing):
        def job(self, job: Job[Any]) -> Any:
            return SimpleNamespace(id=f"other {job.id}")

    payload = codec.dumps_call("any.returns", [7], {}, RunOptions(then=("any.fails",)))
    show_as(Other())
    try:
        outcome = ran(Runner(ModelStore(), Admission(())), payload)
    finally:
        show_as(Showing())
    assert codec.load_error(outcome.detail).message == "other id 7"


def test_errors_that_cause_each_other() -> None:
    """A circle of causes ends."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert codec.load_error(describe(first)).message == "first"
