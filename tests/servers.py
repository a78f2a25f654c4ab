"""Real servers for tests: private, in a folder of their own, ended by process id."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

READY_WITHIN = 10.0
STOP_WITHIN = 10.0


def find_redis_server() -> Path | None:
    """Returns `WINCH_REDIS_SERVER`, the server on PATH, or the copy `tools/find_redis.py` left in the environment."""
    copy = Path(sys.prefix) / "redis" / "redis-server"
    found = (
        os.environ.get("WINCH_REDIS_SERVER")
        or shutil.which("redis-server")
        or shutil.which("valkey-server")
        or (copy if copy.exists() else None)
    )
    return Path(found) if found else None


class RedisServer:
    """A redis-server on a Unix socket, and on a free TCP port if asked for.

    ```
    with RedisServer(port=True, appendonly=True) as server:
        client = Redis.from_url(server.url)
    ```

    The socket, the port and the data folder stay the same over `stop`, `kill` and `start`. Data survives only with
    `appendonly`: then whatever the server acknowledged is there again, also after a kill.
    """

    def __init__(self, binary: Path | None = None, *, port: bool = False, appendonly: bool = False) -> None:
        found = binary or find_redis_server()
        if found is None:
            raise FileNotFoundError("no redis-server: run tools/find_redis.py or set WINCH_REDIS_SERVER")
        self._binary = found
        # Not pytest's tmp_path: the path of a Unix socket has some hundred characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="winch-"))
        self.socket = self.folder / "redis.sock"
        self.port = _free_port() if port else 0
        self._appendonly = appendonly
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's URL over its Unix socket."""
        return f"unix://{self.socket}?db=0"

    @property
    def tcp_url(self) -> str:
        """The server's URL over TCP; only with `port=True`."""
        if not self.port:
            raise ValueError("this server has no TCP port: RedisServer(port=True)")
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise ValueError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Starts the server and returns once it answers PING."""
        if self._process is not None:
            raise ValueError("the server is running already")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Asks the server to end and waits for it; kills it if it will not. The data folder stays."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # a test may have stopped it with SIGSTOP
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Ends the server by SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stops the server and starts it again at the same place."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stops the server and removes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _log(self) -> Path:
        return self.folder / "redis.log"

    def _command(self) -> list[str]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "unixsocket": str(self.socket),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self._appendonly else "no",
            # Written before each answer but not synced: outlives a killed server. `everysec` may hold writes back.
            "appendfsync": "no",
            "daemonize": "no",
        }
        return [str(self._binary), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers_ping():
            if process.poll() is not None:
                raise RuntimeError(f"redis-server ended with {process.returncode}:\n{self._log.read_text()[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"redis-server not ready in {READY_WITHIN} s:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.005)

    def _answers_ping(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")  # -LOADING while it reads its data
            except OSError:
                return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
