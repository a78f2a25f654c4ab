"""The codec: everything arrives as it left, and damaged or forged bytes do no harm."""

import contextlib
import dataclasses
import enum
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winch import codec
from winch.callables import Admission
from winch.codec import Shown
from winch.errors import DecodeError, EncodeError, NewerPayload, PayloadTooLarge
from winch.options import DEFAULT_RUN, Repeat, Retry, RunOptions


class Colour(enum.Enum):
    RED = "r"


class Size(enum.IntEnum):
    BIG = 3


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Order:
    id: int
    lines: list["Line"] = field(default_factory=list["Line"])
    total: int = field(init=False, default=0)


@dataclass(frozen=True, slots=True)
class Line:
    price: Decimal
    tags: frozenset[str] = frozenset()


@dataclass
class Mapping2(dict[str, int]):
    x: int = 0


class Plain:
    pass


class Pair(NamedTuple):
    a: int
    b: int


LOAD = Admission([Path(__file__).parents[2]], allow=["tests.*"]).load_class


def there_and_back(value: Any) -> Any:
    """As an argument and as a result."""
    payload = codec.dumps_call("a.f", (value,), {"key": value})
    call = codec.load_call(payload, LOAD)
    assert call.args == (call.kwargs["key"],) or value != value
    return codec.load_result(codec.dumps_result(value, "msgpack"), LOAD)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.times(timezones=st.none() | st.just(UTC))
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.complex_numbers(allow_nan=False)
    | st.sampled_from([Colour.RED, Size.BIG, Rights.READ | Rights.WRITE, Rights(0)])
    | st.builds(Line, st.decimals(allow_nan=False))
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(leaves, inner)
        | st.sets(leaves)
        | st.frozensets(leaves)
        | st.builds(Order, st.integers(), inner.map(lambda one: [one]))
    ),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(left) is not type(right) or left != right:
        return False
    if type(left) in (list, tuple):
        return all(map(same, left, right))
    if type(left) is dict:
        left, right = cast("dict[Any, Any]", left), cast("dict[Any, Any]", right)
        return list(map(type, left)) == list(map(type, right)) and all(map(same, left.values(), right.values()))
    if isinstance(left, datetime | time):
        return (left.fold, left.tzinfo) == (right.fold, right.tzinfo)
    return True


@given(values)
def test_values_arrive_as_they_left(value: Any) -> None:
    """With their types, at every depth."""
    assert same(there_and_back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(10**5000, id="huge"),
        Path("a/b"),
        float("inf"),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2, seconds=1), "odd")),
        time(1, 2, 3, 4, tzinfo=UTC),
        date.min,
        timedelta.min,
        Decimal("NaN").__class__("1E+400"),
        UUID(int=0),
        {date(2026, 1, 1): 1, UUID(int=1): 2, 3: 4, (1, 2): 5},
        (),
        ((),),
        {},
        b"",
        -0.0,
    ],
)
def test_special_values(value: Any) -> None:
    """The ones that get lost elsewhere."""
    assert same(there_and_back(value), value)


class Text(str):
    __slots__ = ()


STRANGERS: list[tuple[Any, str]] = [
    (Text("a"), r"pass str\(it\)"),
    (bytearray(b"a"), r"pass bytes\(it\)"),
    (Pair(1, 2), r"pass tuple\(it\)"),
    (OrderedDict(a=1), r"pass dict\(it\)"),
    (range(3), r"pass list\(it\)"),
    (Plain(), 'pass an id .* or use codec="pickle"'),
    (Plain, "pass an id"),
    (Mapping2(), "cannot be encoded"),
    ("\ud800", "surrogates"),
    (print, "pass an id"),
    ({Text("a"): 1}, r"str\(it\)"),
]


@pytest.mark.parametrize(("value", "text"), STRANGERS)
def test_what_cannot_travel(value: Any, text: str) -> None:
    """The error names the argument, its type, and the way out."""
    with pytest.raises(EncodeError, match=text):
        codec.dumps_call("shop.f", (1, value), {})


def test_the_error_leads_to_the_value() -> None:
    """Through lists, dicts and dataclasses."""
    with pytest.raises(EncodeError, match=r"argument 2 of shop\.f \(at \['a'\]\[1\]\.lines\[0\]\) is of type .*Plain"):
        codec.dumps_call("shop.f", (1, {"a": [0, Order(1, [cast(Line, Plain())])]}), {})
    with pytest.raises(EncodeError, match=r"argument user of shop\.f is of type"):
        codec.dumps_call("shop.f", (), {"user": Plain()})
    with pytest.raises(EncodeError, match=r"the result \(at \[0\]\) is of type"):
        codec.dumps_result([Plain()], "msgpack")


def nested(kind: Any, depth: int) -> Any:
    """A value inside that many others."""
    value: object = 1
    for _ in range(depth):
        value = {"a": value} if kind is dict else cast(object, kind([value]))
    return value


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_depth(kind: type) -> None:
    """Two hundred levels travel, more are refused; so is what contains itself."""
    assert there_and_back(nested(kind, 199)) == nested(kind, 199)
    with pytest.raises(EncodeError, match="deep"):
        there_and_back(nested(kind, 250))


def test_cycles_are_refused() -> None:
    """A list that contains itself has no end."""
    loop: list[Any] = []
    loop.append((loop,))
    with pytest.raises(EncodeError, match="contains itself"):
        codec.dumps_result(loop, "msgpack")


def test_forged_depth_is_refused() -> None:
    """Also where every level hides in an Ext, which would nest the C stack."""
    data = b"\x01"
    for _ in range(1000):
        data = b"\x91\xc9" + (len(data) + 1).to_bytes(4, "big") + b"\x01" + b"\x91" + data
    with pytest.raises(DecodeError, match=r"deep|damaged"):
        codec.load_result(b"\x01m" + data, LOAD)
    with pytest.raises(DecodeError, match=r"deep|damaged"):
        codec.load_result(b"\x01m" + b"\x91" * 900 + b"\x01", LOAD)


def test_classes_as_data() -> None:
    """The plain decoder imports nothing and shows what it was."""
    data = codec.dumps_result(Order(7, [Line(Decimal(1))]), "msgpack")
    shown = codec.plain_result(data)
    assert isinstance(shown, Shown)
    assert repr(shown) == "Order(id=7, lines=[Line(price=Decimal('1'), tags=frozenset())], total=0)"
    assert repr(codec.plain_result(codec.dumps_result(Colour.RED, "msgpack"))) == "Colour.RED"
    assert repr(Shown("scripts/report.py:Order.Kind", "NEW")) == "Kind.NEW"
    assert repr(Shown("scripts/report.py:Order", (("id", 1),))) == "Order(id=1)"


def test_only_admitted_data_classes_are_loaded() -> None:
    """Neither strangers nor classes that do something when they are made."""
    status = codec.dumps_result(HTTPStatus.OK, "msgpack")
    with pytest.raises(DecodeError, match=r"HTTPStatus.*--allow"):
        codec.load_result(status, LOAD)
    assert codec.load_result(status, Admission([], allow=["http.HTTPStatus"]).load_class) is HTTPStatus.OK
    forged = codec.dumps_result(Order(1), "msgpack").replace(b"Order", b"Plain")
    with pytest.raises(DecodeError, match="neither a dataclass nor an enum"):
        codec.load_result(forged, LOAD)


def test_a_class_that_changed() -> None:
    """A field that is new gets its default; one that is gone is an error that says so."""
    data = codec.dumps_result(Order(1), "msgpack")
    renamed = data.replace(b"\xa5lines", b"\xa5linez")
    with pytest.raises(DecodeError, match="has no field linez"):
        codec.load_result(renamed, LOAD)


@given(st.binary(max_size=60), st.integers(0, 59), values)
def test_damage_is_a_decode_error(noise: bytes, at: int, value: Any) -> None:
    """Any bytes at all: a value or a DecodeError, nothing else; and `head` agrees."""
    payload = codec.dumps_call("a.f", (value,), {})
    for damaged in (noise, payload[: at % len(payload)], payload[:at] + noise + payload[at:], payload + noise):
        with contextlib.suppress(DecodeError):
            codec.load_call(damaged, LOAD)
        with contextlib.suppress(DecodeError):
            codec.head(damaged)
        with contextlib.suppress(DecodeError):
            codec.plain_result(damaged)


def test_trailing_bytes_are_refused() -> None:
    """A value and something after it is not a value."""
    payload = codec.dumps_call("a.f", (1,), {})
    with pytest.raises(DecodeError, match="more bytes"):
        codec.load_call(payload + b"\x01", LOAD)
    with pytest.raises(DecodeError):
        codec.load_result(codec.dumps_result(1, "msgpack") + b"\x01", LOAD)


def test_newer_payloads_are_told_apart() -> None:
    """By the version byte, and by options that are unknown here."""
    with pytest.raises(NewerPayload):
        codec.load_call(b"\x02abc", LOAD)
    with pytest.raises(DecodeError) as caught:
        codec.load_call(b"abc", LOAD)
    assert type(caught.value) is DecodeError
    run = RunOptions(event="success")
    with pytest.raises(NewerPayload, match="evenX"):
        codec.load_call(codec.dumps_call("a.f", (), {}, run).replace(b"event", b"evenX"), LOAD)


def test_the_head_is_readable_when_the_arguments_are_not() -> None:
    """So that a failed job still shows its function and its policy."""
    run = RunOptions(retry=Retry(3))
    payload = codec.dumps_call("a.f", ("x" * 40,), {}, run).replace(b"\xd9\x28xxx", b"\xd9\x7fxxx")
    with pytest.raises(DecodeError):
        codec.load_call(payload, LOAD)
    head = codec.head(payload)
    assert (head.function, head.run) == ("a.f", run)
    assert "cannot be read" in repr(head.args[0])


def test_options_travel() -> None:
    """Default ones as nothing, and back as one shared object."""
    assert codec.load_call(codec.dumps_call("a.f", (), {}), LOAD).run is DEFAULT_RUN
    retry = Retry(3, [1, 2.5], on=[ValueError, "x.Y"], never=KeyError, jitter=0.5, at_front=True)
    run = RunOptions(None, retry, "callback", "failure", "text", "json", Repeat(4, [1, 2.5]))
    assert codec.load_call(codec.dumps_call("a.f", (), {}, run), LOAD).run == run
    run = RunOptions(retry=Retry(1, on=()))
    assert codec.load_call(codec.dumps_call("a.f", (), {}, run), LOAD).run == run


@pytest.mark.parametrize("size", [0, 4_080, 4_096, 70_000])
@pytest.mark.parametrize("run", [DEFAULT_RUN, RunOptions(timeout=7)], ids=["plain", "options"])
@pytest.mark.parametrize("parents", [(), ("one", "two" * 20)], ids=["alone", "parents"])
def test_calls_of_every_size(size: int, run: RunOptions, parents: tuple[str, ...]) -> None:
    """A large call is put together in another way, and arrives the same."""
    payload = codec.dumps_call("a.f", ("x" * size, 2), {"word": b"y"}, run, parents)
    call = codec.load_call(payload, LOAD)
    assert call == codec.head(payload)
    assert (call.function, call.args, call.kwargs, call.run) == ("a.f", ("x" * size, 2), {"word": b"y"}, run)
    assert tuple(call.parents) == parents


def test_json() -> None:
    """For other languages: what JSON would change is refused."""
    run = RunOptions(codec="json")
    call = codec.load_call(codec.dumps_call("a.f", (1, [None, "ä"]), {"x": 1.5}, run), LOAD)
    assert (call.args, call.kwargs) == ((1, [None, "ä"]), {"x": 1.5})
    strangers: list[object] = [(1, 2), {1: 2}, float("nan"), Plain()]
    for bad in strangers:
        with pytest.raises(EncodeError, match="JSON"):
            codec.dumps_call("a.f", (bad,), {}, run)
    assert codec.plain_result(codec.dumps_result([1], "json")) == [1]


def test_pickle_needs_permission() -> None:
    """On both sides: asked for at enqueue, permitted where it is loaded."""
    run = RunOptions(codec="pickle")
    payload = codec.dumps_call("a.f", (Pair(1, 2),), {}, run)
    with pytest.raises(DecodeError, match="WINCH_PICKLE=1 for the worker"):
        codec.load_call(payload, LOAD)
    assert not codec.pickle_permitted()
    assert "pickled bytes" in repr(codec.head(payload).args)
    codec.permit_pickle()
    try:
        assert codec.load_call(payload, LOAD).args == (Pair(1, 2),)
        assert codec.pickle_permitted()
    finally:
        codec.permit_pickle(False)


def test_limits(caplog: pytest.LogCaptureFixture) -> None:
    """One megabyte; from 64 kB on a warning, once per function."""
    with caplog.at_level(logging.WARNING, "winch"):
        codec.dumps_call("big.f", (b"x" * 70_000,), {})
        codec.dumps_call("big.f", (b"x" * 70_000,), {})
    assert [record.levelname for record in caplog.records if "big.f" in record.getMessage()] == ["WARNING"]
    with pytest.raises(PayloadTooLarge, match="1,000,000"):
        codec.dumps_call("a.f", (b"x" * 1_000_000,), {})
    with pytest.raises(PayloadTooLarge):
        codec.dumps_result(b"x" * 1_000_001, "msgpack")
    with pytest.raises(PayloadTooLarge):
        codec.dumps_meta({"x": "y" * 64_001})


def test_errors_as_bytes() -> None:
    """Names and text, capped; anything else is the text about a crash."""
    detail = codec.dumps_error("a.E", ["a.E", "builtins.Exception"], "m" * 20_000 + "\ud800", "t" * 70_000 + "END")
    info = codec.load_error(detail)
    assert (info.type_name, info.mro) == ("a.E", ("a.E", "builtins.Exception"))
    assert len(info.message) < 10_100
    assert len(info.traceback) < 64_100
    assert info.traceback.endswith("END")
    crash = codec.load_error(b"killed by signal 9")
    assert (crash.type_name, crash.message) == ("JobCrashed", "killed by signal 9")
    assert codec.load_error(b"").type_name == ""


@given(st.binary())
def test_reading_an_error_never_fails(detail: bytes) -> None:
    """It is what is shown when everything else has."""
    codec.load_error(detail)
    codec.load_error(b"\x01" + detail)


def test_none_is_no_bytes() -> None:
    """Most jobs return nothing."""
    assert codec.dumps_result(None, "msgpack") == b""
    assert codec.load_result(b"", LOAD) is None
    assert codec.dumps_meta({}) == b""
    assert codec.load_meta(b"") == {}
    assert codec.load_meta(codec.dumps_meta({"a": (1,)})) == {"a": (1,)}
    assert dataclasses.is_dataclass(Order)


def test_functions_inside_the_attempt_travel() -> None:
    """The paths of what belongs to the attempt arrive with the call."""
    payload = codec.dumps_call("a.b", [], {}, RunOptions(then=("c.d", "e.f")))
    assert codec.head(payload).run.then == ("c.d", "e.f")


def test_a_process_may_keep_results_otherwise() -> None:
    """What cannot be encoded is an error, unless the process was told what to do with it."""
    with pytest.raises(EncodeError):
        codec.dumps_result(object())
    codec.otherwise(lambda value, wanted: codec.dumps_result(f"a {type(value).__name__}", wanted))
    try:
        data = codec.dumps_result(object())
    finally:
        codec.otherwise(None)
    assert codec.plain_result(data) == "a object"
