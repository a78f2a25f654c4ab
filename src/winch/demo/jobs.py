"""The functions that the demo enqueues: count the code of one module, and merge the counts of all."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypedDict

from winch import Job, current_job

__all__ = ["Count", "Function", "count_code", "count_module", "merge", "merge_counts"]

LONGEST = 8
"""How many of the longest functions are remembered."""

LAYOUT = frozenset(
    {tokenize.ENCODING, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)
"""Tokens that are no code."""


class Function(TypedDict):
    """A function and how many lines it has, from `def` to its last line."""

    name: str
    file: str
    lines: int


class Count(TypedDict):
    """What was found in one module, or in many. Plain data, because it travels as a job's result."""

    modules: int
    lines: int
    code: int
    comments: int
    functions: int
    longest: list[Function]


def count_module(path: str, fails_first: bool = False) -> Count:
    """Count the code of one module. With `fails_first` the first attempt fails, to show a retry.

    Raises:
        ConnectionError: On purpose.
    """
    job = current_job()
    if fails_first and job is not None and not job.attempts:
        raise ConnectionError(f"the demo pulls the plug while it reads {Path(path).name}")
    return count_code(path)


def merge(ids: Sequence[str]) -> Count:
    """Add up what other jobs returned. This job depends on them, so they have finished when it runs.

    Raises:
        LookupError: The result of one is not there any more.
    """
    this = current_job()
    jobs = Job.fetch_many(ids, connection=None if this is None else this.connection)
    counts: list[Count | None] = [None if job is None else job.return_value() for job in jobs]
    if None in counts:
        raise LookupError("a result expired before it was merged")
    return merge_counts(count for count in counts if count is not None)


def count_code(path: str) -> Count:
    """Count the lines of a file, those with code, those with a comment, and its functions."""
    with tokenize.open(path) as file:
        source = file.read()
    code: set[int] = set()
    comments: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    functions = list(_functions(ast.parse(source), path))
    return Count(
        modules=1,
        lines=len(source.splitlines()),
        code=len(code),
        comments=len(comments),
        functions=len(functions),
        longest=_longest(functions),
    )


def merge_counts(counts: Iterable[Count]) -> Count:
    """Add up counts."""
    total = Count(modules=0, lines=0, code=0, comments=0, functions=0, longest=[])
    for count in counts:
        total["modules"] += count["modules"]
        total["lines"] += count["lines"]
        total["code"] += count["code"]
        total["comments"] += count["comments"]
        total["functions"] += count["functions"]
        total["longest"] = _longest([*total["longest"], *count["longest"]])
    return total


def _functions(tree: ast.Module, file: str) -> Iterator[Function]:
    """Every function of a module, methods and inner functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(name=node.name, file=file, lines=(node.end_lineno or node.lineno) - node.lineno + 1)


def _longest(functions: list[Function]) -> list[Function]:
    """The longest first; a fixed order also among equals, so that two counts of the same files are equal."""
    return sorted(functions, key=lambda found: (-found["lines"], found["file"], found["name"]))[:LONGEST]
