"""RQ's syntax for the arguments of a function."""

from pathlib import Path
from typing import Any

import click
import pytest

from winch.cli.arguments import meant_as_value, parse


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("abc", "abc"),
        ("1", "1"),
        ("", ""),
        (":1", 1),
        (':{"a": [1, null]}', {"a": [1, None]}),
        (':"1"', "1"),
        ("%(1, 2)", (1, 2)),
        ("%{'a'}", {"a"}),
        ("%None", None),
        ("http://host/?a=b", "http://host/?a=b"),
        ("=b", "=b"),
        ("a-b=c", "a-b=c"),
    ],
)
def test_positional(word: str, value: Any) -> None:
    """A word is text, `:` makes it JSON, `%` a Python literal; a keyword needs a name before its `=`."""
    assert parse([word]) == ((value,), {})


@pytest.mark.parametrize(
    ("word", "kwargs"),
    [
        ("k=v", {"k": "v"}),
        ("k=", {"k": ""}),
        ("k=a=b", {"k": "a=b"}),
        ("k:=[1]", {"k": [1]}),
        ("k%=(1,)", {"k": (1,)}),
        ("größe=v", {"größe": "v"}),
        ("k=:1", {"k": ":1"}),
    ],
)
def test_keyword(word: str, kwargs: dict[str, Any]) -> None:
    """The same with a name in front."""
    assert parse([word]) == ((), kwargs)


@pytest.mark.parametrize(
    ("word", "value"), [("@{}", '[1, "a"]'), (":@{}", [1, "a"]), ("%@{}", [1, "a"]), ("k:=@{}", [1, "a"])]
)
def test_file(tmp_path: Path, word: str, value: Any) -> None:
    """`@` reads the text from a file."""
    path = tmp_path / "value"
    path.write_text('[1, "a"]')
    found = parse([word.format(path)])
    assert [*found.args, *found.kwargs.values()] == [value]


def test_order_is_kept() -> None:
    """Positional arguments keep their order, whatever stands between them."""
    assert parse(["a", "k=v", ":2"]) == (("a", 2), {"k": "v"})


@pytest.mark.parametrize(
    ("word", "message"),
    [(":{", "is not JSON"), ("%f()", "is not a Python literal"), ("k:=x", "is not JSON"), ("@/no/such", "cannot read")],
)
def test_unreadable(word: str, message: str) -> None:
    """A word that cannot be read is a usage error that names it."""
    with pytest.raises(click.BadParameter, match=message) as told:
        parse([word])
    assert " object at 0x" not in str(told.value)


def test_keyword_twice() -> None:
    """A keyword that comes twice is a usage error."""
    with pytest.raises(click.BadParameter, match="k is given twice"):
        parse(["k=1", "k=2"])


@pytest.mark.parametrize(
    ("words", "spelling"),
    [
        (["1"], ":1"),
        (["a", "n=1.5"], "n:=1.5"),
        (["true"], ":true"),
        (["True"], "%True"),
        (["x=None"], "x%=None"),
        ([":1", "%2", "k:=3"], None),
        (["007", "a1", "1,2", ""], None),
    ],
)
def test_meant_as_value(words: list[str], spelling: str | None) -> None:
    """Text that looks like a number, a boolean or None is found, and its spelling as a value told."""
    assert meant_as_value(words) == spelling
    if spelling is not None:
        parse([spelling])
