"""Words of a command line as the arguments of a function (RQ's syntax).

==========  ==================  ===============================================
positional  keyword             means
==========  ==================  ===============================================
`v`         `k=v`               the text `v`
`:json`     `k:=json`           a JSON value
`%literal`  `k%=literal`        a Python literal: `%(1, 2)`, `%{'a', 'b'}`
`@file`     `k=@file`           the text in a file; `:@file` and `%@file` too
==========  ==================  ===============================================
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import click

__all__ = ["Arguments", "meant_as_value", "parse"]

KEYWORD = re.compile(r"([^\W\d]\w*)([:%]?)=(.*)", re.DOTALL)


class Arguments(NamedTuple):
    """What a function is called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def parse(words: Iterable[str]) -> Arguments:
    """Read the words after the function's name.

    A word is a keyword argument if what stands before its first `=` is a Python name, so `http://host/?a=b` is text.

    Raises:
        click.BadParameter: A word cannot be read, or a keyword comes twice.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for word in words:
        found = KEYWORD.fullmatch(word)
        if found is None:
            kind, text = (word[0], word[1:]) if word[:1] in (":", "%") else ("", word)
            args.append(_value(word, kind, text))
        elif found[1] in kwargs:
            raise click.BadParameter(f"{found[1]} is given twice")
        else:
            kwargs[found[1]] = _value(word, found[2], found[3])
    return Arguments(tuple(args), kwargs)


def meant_as_value(words: Iterable[str]) -> str | None:
    """How to write the first word that is text but looks like a number, a boolean or None; None if there is none."""
    for word in words:
        found = KEYWORD.fullmatch(word)
        name, kind, text = found.groups() if found else ("", "", word)
        if kind == "" and (mark := _mark(text)):
            return f"{name}{mark}={text}" if name else f"{mark}{text}"
    return None


def _mark(text: str) -> str:
    """`:` for what JSON reads as a value, `%` for what only Python does, nothing for text."""
    if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?|true|false|null", text):
        return ":"
    return "%" if text in ("True", "False", "None") else ""


def _value(word: str, kind: str, text: str) -> Any:
    """The value of one word: `kind` is `:`, `%` or nothing."""
    if text.startswith("@"):
        text = _content(word, text[1:])
    try:
        if kind == ":":
            return json.loads(text)
        return ast.literal_eval(text) if kind == "%" else text
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        language = "JSON" if kind == ":" else "a Python literal"
        trouble = str(error).partition(": <ast.")[0]  # Python names an object of its own there
        raise click.BadParameter(f"{word!r} is not {language}: {trouble}") from error


def _content(word: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{word!r}: cannot read the file: {error}") from error
