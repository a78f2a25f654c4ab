"""Apply each patch to a copy of the sources and run what should kill it: `python -m tests.mutants.run [NAME...]`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
COPIED = ("src", "tests", "docs", "pyproject.toml", "README.md")
TESTS_FAILED = 1
"""The exit status of pytest that means a test has failed; others mean that none could be run."""


class Verdict(NamedTuple):
    """What became of a mutant."""

    name: str
    word: str
    seconds: float
    by: str


def main(*wanted: str) -> int:
    """Try the unharmed sources first, then every mutant. Returns 1 if one survives, or if a test fails without any."""
    chosen: list[Path] = [patch for patch in PATCHES if not wanted or any(name in patch.stem for name in wanted)]
    commands = dict.fromkeys(killers(patch) for patch in chosen)
    print(f"{len(chosen)} mutants; first the {len(commands)} commands without any", flush=True)
    with ThreadPoolExecutor(2) as pool:
        controls = [pool.submit(_try, "unharmed", None, command) for command in commands]
        tries = [pool.submit(_try, patch.stem, patch, killers(patch)) for patch in chosen]
        if harmed := [control.result() for control in controls if control.result().word != "SURVIVED"]:
            pool.shutdown(cancel_futures=True)
            print("without any mutant:", *harmed, sep="\n")
            return 1
        alive = 0
        for each in tries:
            verdict = each.result()
            alive += verdict.word != "killed"
            print(f"{verdict.word:<9}{verdict.name:<36}{verdict.seconds:6.1f} s  {verdict.by}", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} killed")
    return int(alive > 0)


def killers(patch: Path) -> str:
    """The arguments of pytest that a patch names."""
    found = re.search(r"^Killed by: (.+)$", patch.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{patch.name} does not say what kills it: it needs a line 'Killed by: ARGUMENTS'")
    return found[1]


def _try(name: str, patch: Path | None, command: str) -> Verdict:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="winch-mutant-") as folder:
        copy = Path(folder)
        for each in COPIED:
            source = ROOT / each
            if source.is_dir():
                shutil.copytree(source, copy / each, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / each)
        if patch is not None:
            subprocess.run(["git", "apply", "--whitespace=nowarn", patch], cwd=copy, check=True)
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *shlex.split(command)],
            cwd=copy,
            # The same examples each time; the copy's winch instead of the installed one; all of the sweep's cases.
            env=os.environ
            | {"CI": "true", "PYTHONPATH": str(copy / "src"), "WINCH_SWEEP": "all", "WINCH_EXAMPLES": "winch-mutants"},
            capture_output=True,
            text=True,
            check=False,
        )
    words = {0: "SURVIVED", TESTS_FAILED: "killed"}
    failed = re.search(r"^(?:FAILED|ERROR) \S*?(\w+\.py\S*)", run.stdout, re.MULTILINE)
    word = words.get(run.returncode, "BROKEN")
    by = failed[1] if failed else run.stdout[-2000:] + run.stderr[-2000:] if word == "BROKEN" else ""
    return Verdict(name, word, time.monotonic() - began, by)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
