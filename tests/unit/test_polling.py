"""Waiting for descriptors."""

import os
import threading
import time

import pytest

from winch.polling import Pipe, readable_until


@pytest.fixture
def pipe() -> Pipe:
    """A pipe that nobody has woken."""
    return Pipe()


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.0004, 0.0031, 0.0507])
def test_it_waits_until_the_moment(pipe: Pipe, seconds: float) -> None:
    """What is waited for does not come: the wait ends when its moment has come, never before, also within a millisecond."""
    moment = time.monotonic() + seconds
    assert readable_until([pipe], moment) == set()
    assert time.monotonic() >= moment


def test_it_ends_when_something_comes(pipe: Pipe) -> None:
    """What can be read ends a wait long before its moment."""
    waker = threading.Timer(0.05, pipe.wake)
    waker.start()
    assert readable_until([pipe], time.monotonic() + 60) == {pipe.fileno()}
    waker.join()


def test_what_came_before_is_seen_after_the_moment(pipe: Pipe) -> None:
    """Also a wait whose moment has passed tells what can be read."""
    pipe.wake()
    assert readable_until([pipe], time.monotonic() - 1) == {pipe.fileno()}


def test_a_pipe_knows_whether_its_descriptor_is_still_its_own() -> None:
    """It is not once somebody has closed it, nor if something else has got its number."""
    pipe, other = Pipe(), Pipe()
    assert pipe.is_intact()
    os.dup2(other.fileno(), pipe.fileno())
    assert not pipe.is_intact()
    pipe.close()
    assert not pipe.is_intact()
    other.close()
