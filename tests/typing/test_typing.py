"""Runs pyright, strict, on the files beside this one: their `assert_type` are the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_signatures() -> None:
    """Type checkers know what a job returns, and find wrong arguments and options."""
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "tests/typing/signatures.py"],
        cwd=ROOT,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert run.returncode == 0, run.stdout + run.stderr
