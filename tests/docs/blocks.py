"""The runnable blocks of a page, and how they are run.

- A block whose first line is `# name.ext` is written to that file.
- Any other `python` block is a script, and runs to its end.
- Of a `console` block the lines that begin with `$ ` are typed into a shell; `&` at the end of a line leaves it running until
  the page is over.
- A block below `<!-- not run -->` is only shown, and so is one in another language.
- Below `<!-- exit 1 -->` a block ends with that status.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Block", "blocks", "run_page"]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>not run|exit \d+) -->\n+)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FILE = re.compile(r"# ([\w/.-]+\.\w+)\n")
SECONDS = 60
"""The longest that a block may take."""


class Block(NamedTuple):
    """A block of a page.

    Attributes:
        line: Where it begins.
        language: As written behind the fence.
        text: What stands in it.
        status: The exit status that it has to end with.
    """

    line: int
    language: str
    text: str
    status: int


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page that are run."""
    for found in _BLOCK.finditer(page):
        note = found["note"] or "exit 0"
        if note != "not run" and (found["language"] in ("python", "console") or _FILE.match(found["text"])):
            line = page.count("\n", 0, found.start("language")) + 1
            yield Block(line, found["language"], found["text"], int(note.removeprefix("exit ")))


def run_page(page: str, folder: Path) -> None:
    """Run a page's blocks in a folder, in their order.

    Raises:
        AssertionError: A block ended otherwise than the page says; tells which, and what it printed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WINCH_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    left: list[int] = []
    try:
        for block in blocks(page):
            if name := _FILE.match(block.text):
                file = folder / name[1]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")
            else:
                _run(block, folder, environment, left)
    finally:
        for group in left:
            _end(group)


def _run(block: Block, folder: Path, environment: dict[str, str], left: list[int]) -> None:
    if block.language == "python":
        words = [sys.executable, "-c", block.text]
    else:
        typed = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
        words = ["bash", "-ec", "\n".join(typed)]
    output = folder / ".output"
    with output.open("w+", encoding="utf-8") as out:
        shell = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
        if any(line.rstrip().endswith("&") for line in block.text.splitlines()):
            left.append(shell.pid)
        status = shell.wait(SECONDS)
    told = f"the block in line {block.line} ended with status {status}:\n{block.text}\n{output.read_text()}"
    assert status == block.status, told


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
