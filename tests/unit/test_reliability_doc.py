"""docs/reliability.md names a test for everything that it promises: each of them must be there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_exists() -> None:
    """A test that was renamed or removed takes its promise with it."""
    named = set(re.findall(r"\btest_\w+", (ROOT / "docs/reliability.md").read_text()))
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {file.stem for file in files} | {
        name for file in files for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 100
    assert named - there == set()
