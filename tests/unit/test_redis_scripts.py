"""The scripts are put together as their files say."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import re
from pathlib import Path

import pytest
from redis import Redis

from winch.stores.redis import scripts

LUA = Path(scripts.__file__).parent / "lua"
VERBS = sorted(path.stem for path in LUA.glob("*.lua"))


@pytest.mark.parametrize("verb", VERBS)
def test_every_script_compiles(verb: str, redis_url: str) -> None:
    """The server takes every script, and knows it by the name that we give it."""
    made = scripts.script(verb)
    with Redis.from_url(redis_url) as client:
        assert client.script_load(made.text.decode()) == made.sha.decode()


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_left_of_the_directives(verb: str) -> None:
    """Every include and constant is resolved."""
    text = scripts.script(verb).text.decode()
    assert "---" not in text
    constants = set(re.findall(r"--- @constant (\w+)", "".join(path.read_text() for path in LUA.rglob("*.lua"))))
    assert not {name for name in constants if re.search(rf"(?<![.\w']){name}(?!['\w])", text)}


@pytest.mark.parametrize("path", sorted(LUA.glob("*.lua")), ids=lambda path: path.stem)
def test_every_script_has_its_contract(path: Path) -> None:
    """A script's header names its verb, its prefix and what it returns."""
    header = path.read_text().partition("--- @include")[0]
    assert "contract: " in header
    assert "KEYS[1]" in header
    assert "Returns " in header


@pytest.mark.parametrize("path", sorted(LUA.glob("parts/*.lua")), ids=lambda path: path.stem)
def test_every_part_is_used(path: Path) -> None:
    """A part that nothing includes is dead."""
    everything = "".join(each.read_text() for each in LUA.rglob("*.lua"))
    assert f"--- @include parts/{path.stem}\n" in everything


def test_functions_that_are_not_called_are_left_out() -> None:
    """A script carries only what it needs."""
    assert "local function hand_out" in scripts.script("turn_any").text.decode()
    assert "local function hand_out" not in scripts.script("cancel").text.decode()


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_undefined_is_called(verb: str) -> None:
    """Every name that is called is a function of the script, of Lua, or of the server."""
    text = re.sub(r"'(?:[^'\\]|\\.)*'", "''", scripts.script(verb).text.decode())
    called = set(re.findall(r"(?<![.\w])([a-z_]\w*)\(", text)) - {
        "function",
        "if",
        "return",
        "and",
        "or",
        "not",
        "while",
    }
    known = set(re.findall(r"local function (\w+)", text)) | set(re.findall(r"local (\w+)", text))
    assert called - known <= {
        "error",
        "next",
        "pcall",
        "tonumber",
        "tostring",
        "type",
        "ipairs",
        "pairs",
        "unpack",
        "setmetatable",
    }


def test_what_is_called_everywhere_is_written_out() -> None:
    """A test of a bit is no call, with the constants in their places."""
    text = scripts.script("turn_any").text.decode()
    assert "if (bit.band(features, 2) ~= 0) then" in text
    assert "has(" not in text
