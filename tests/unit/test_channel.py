"""The line between a supervisor and an executor."""

import socket

import pytest

from winch.polling import readable
from winch.worker.channel import Channel


def test_the_first_message_leaves_the_others_in_the_socket() -> None:
    """A stop that was sent right behind the brief is not lost: who waits for the socket finds it."""
    ours, theirs = socket.socketpair()
    one, other = Channel(ours), Channel(theirs)
    one.send({"brief": "x" * 100_000})
    one.send({"do": "stop"})
    assert other.receive_first() == {"brief": "x" * 100_000}
    one.flush()
    assert readable([other], 5) == {other.fileno()}
    assert other.receive() == [{"do": "stop"}]
    one.close()
    other.close()


def test_the_first_message_of_nobody() -> None:
    """A supervisor that died before it sent its brief is noticed."""
    ours, theirs = socket.socketpair()
    ours.close()
    with pytest.raises(EOFError):
        Channel(theirs).receive_first()
    theirs.close()
