"""The connection of our own: RESP over a socket."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from winch.stores.redis.wire import Parts, Server, ServerError, Wire, pack_command


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    """A connection, and the server's end of it."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5.0)
    wire = Wire(ours)
    yield wire, theirs
    wire.close()
    theirs.close()


def test_a_signal_handler_that_raises_while_a_command_is_packed() -> None:
    """A time limit, or Ctrl-C, is an exception then as at any other time, and not the end of the process."""
    program = """
import signal, time
from winch.stores.redis.wire import pack_command

class Raised(Exception):
    pass

def handler(*_):
    raise Raised

signal.signal(signal.SIGALRM, handler)
numbers, until = range(100_000, 100_200), time.monotonic() + 1
while time.monotonic() < until:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        while True:
            pack_command("SADD", *numbers)
    except Raised:
        pass
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_answer_comes_in_pieces(ends: tuple[Wire, socket.socket]) -> None:
    """What one `recv` brings is part of an answer, or several."""
    wire, server = ends
    server.sendall(b"*3\r\n$2\r\nab\r\n")
    threading.Timer(0.05, server.sendall, (b":7\r\n$-1\r\n+OK\r\n:1\r\n",)).start()
    assert wire.read() == [b"ab", 7, None]
    assert wire.has_answer()
    assert (wire.read(), wire.read()) == (b"OK", 1)
    assert not wire.has_answer()


def test_has_answer_looks_at_the_socket_too(ends: tuple[Wire, socket.socket]) -> None:
    """Something that nobody has read yet is an answer as well."""
    wire, server = ends
    assert not wire.has_answer()
    server.sendall(b"+OK\r\n")
    assert wire.has_answer()


def test_an_error_is_an_answer(ends: tuple[Wire, socket.socket]) -> None:
    """It is raised with its code, and the connection goes on."""
    wire, server = ends
    server.sendall(b"-NOSCRIPT No matching script.\r\n+OK\r\n")
    with pytest.raises(ServerError, match=r"^NOSCRIPT No matching script\.$"):
        wire.read()
    assert wire.read() == b"OK"


def test_a_server_that_is_gone(ends: tuple[Wire, socket.socket]) -> None:
    """The end of the connection, and what is no RESP, are troubles of the line: worth another try."""
    wire, server = ends
    server.sendall(b"HTTP/1.1 400 Bad Request\r\n")
    with pytest.raises(ConnectionError):
        wire.read()
    server.close()
    with pytest.raises(ConnectionError):
        wire.read()


def test_a_silent_server() -> None:
    """Reading takes no longer than the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Server("127.0.0.1", server.getsockname()[1]).connect(0.05)
        with pytest.raises(TimeoutError):
            wire.read()
        wire.close()


def test_a_close_ends_the_wait_of_another_thread(ends: tuple[Wire, socket.socket]) -> None:
    """Whoever waits for an answer hears at once that there will be none."""
    wire, _ = ends
    threading.Timer(0.05, wire.close).start()
    with pytest.raises(OSError, match=r"closed|Bad file descriptor"):
        wire.read()


def test_a_close_in_a_child_leaves_the_parents_line(ends: tuple[Wire, socket.socket]) -> None:
    """After a fork each process has its own copy of the descriptor, and closes only that."""
    wire, server = ends
    pid = os.fork()
    if pid == 0:
        wire.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    server.sendall(b"+OK\r\n")
    assert wire.read() == b"OK"


@pytest.mark.parametrize(
    ("server", "greeting"),
    [
        (Server(), []),
        (Server(password="pw"), [("AUTH", "pw")]),
        (Server(user="me", password="pw", database=3), [("AUTH", "me", "pw"), ("SELECT", 3)]),
        (Server(client_name="shop"), [("CLIENT", "SETNAME", "shop")]),
    ],
)
def test_what_a_server_is_told_first(server: Server, greeting: list[tuple[str | int, ...]]) -> None:
    """Only what the address says; the first answer that is an error ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        heard: list[bytes] = []

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                for _ in greeting:
                    heard.append(connection.recv(1_000))
                    connection.sendall(b"+OK\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        wire = server.moved_to("127.0.0.1", listening.getsockname()[1]).connect(5.0, keepalive=True)
        thread.join()
        wire.close()
    assert heard == [b"".join(pack_command(*words)) for words in greeting]


@pytest.mark.parametrize(
    "parts", [(b"",), (b"short", b"er"), (b"x" * 9000,), (b"head", b"x" * 4096, b"", b"y" * 70_000, b"tail")]
)
def test_parts_are_sent_as_one_argument(parts: tuple[bytes, ...]) -> None:
    """On the wire a word in parts is the same as in one piece, and its large parts are not copied."""
    packed = pack_command("SET", Parts(parts), 7, Parts(parts), b"end")
    assert b"".join(packed) == b"".join(pack_command("SET", b"".join(parts), 7, b"".join(parts), b"end"))
    assert all(any(chunk is part for chunk in packed) for part in parts if len(part) >= 4096)
