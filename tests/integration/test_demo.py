"""`winch demo` on a few modules."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

pytestmark = pytest.mark.integration


def demo(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Runs the demo without a terminal."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WINCH_")}
    return subprocess.run(
        [sys.executable, "-m", "winch", "demo", "--limit", "40", *options],
        cwd=folder,
        env={**environment, "WINCH_URL": "sqlite:///unused.db", "TMPDIR": str(folder), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )


def test_demo_on_a_temporary_store(tmp_path: Path) -> None:
    """Without `--url` it uses a temporary store, says so, and leaves nothing behind."""
    run = demo(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "(temporary, removed at the end)" in run.stdout
    assert "41/41 41 finished" in run.stdout
    assert "41 finished, 2 of them at the second attempt" in run.stdout
    assert "equals the direct count" in run.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.redis
def test_demo_on_redis(tmp_path: Path, redis_url: str) -> None:
    """With `--url` it uses that store, and removes its jobs and its queue."""
    run = demo(tmp_path, "--url", redis_url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "(--url)" in run.stdout
    with Redis.from_url(redis_url) as client:
        left = [key.decode() for key in client.scan_iter()]
    assert not [key for key in left if "job" in key and "winch-demo" in key]
