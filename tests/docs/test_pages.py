"""Every page of the documentation runs as it is written."""

from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks, run_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "decisions" not in path.parts)]
RUN = [path for path in PAGES if any(blocks(path.read_text(encoding="utf-8")))]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", RUN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_runs(path: Path, tmp_path: Path) -> None:
    """Its blocks, one after the other in an empty folder, end as the page says."""
    run_page(path.read_text(encoding="utf-8"), tmp_path)


PAGE = """
Text.

```python
# shop.py
def add(a, b):
    return a + b
```

```python
from shop import add

print(add(1, 2))
```

<!-- not run -->
```python
raise SystemExit("shown only")
```

<!-- exit 3 -->
```console
$ exit 3
what it prints
```
"""


def test_blocks_are_told_apart(tmp_path: Path) -> None:
    """Files, scripts and what is typed; what is only shown is left out, and a wrong status is found out."""
    assert [(block.language, block.status) for block in blocks(PAGE)] == [("python", 0), ("python", 0), ("console", 3)]
    assert next(blocks(PAGE)) == Block(4, "python", "# shop.py\ndef add(a, b):\n    return a + b\n", 0)
    run_page(PAGE, tmp_path)
    with pytest.raises(AssertionError, match=r"line \d+ ended with status 3"):
        run_page(PAGE.replace("exit 3 -->", "exit 0 -->"), tmp_path)
