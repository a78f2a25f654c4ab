"""What the jobs of these tests call, in any module but the tests' own: RQ's kind of program."""

import os
import time
from typing import Any

from tests.compat.side import rq


def say_hello(name: str | None = None) -> str:
    """Greet."""
    return f"Hi there, {name or 'Stranger'}!"


def add(a: int, b: int = 0) -> int:
    """Add."""
    return a + b


def keywords(**given: Any) -> dict[str, Any]:
    """Takes any keyword."""
    return given


def divide(a: int, b: int) -> float:
    """Divide."""
    return a / b


def div_by_zero(x: int) -> float:
    """Fail."""
    return x / 0


class Thing:
    """An object that travels with its job."""

    def __init__(self, value: int) -> None:
        self.value = value

    def times(self, factor: int) -> int:
        """A method."""
        return self.value * factor

    def __call__(self, more: int) -> int:
        """An object that can be called."""
        return self.value + more

    @staticmethod
    def static(x: int) -> int:
        """A static method."""
        return x + 1

    @classmethod
    def of_class(cls, x: int) -> str:
        """A class method."""
        return f"{cls.__name__}{x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)


def value_of(thing: Thing) -> int:
    """Takes what only pickle can hold."""
    return thing.value


def make_thing(value: int) -> Thing:
    """Returns what only pickle can hold."""
    return Thing(value)


def return_lambda() -> Any:
    """Returns what nothing can hold."""
    return lambda: None


def job_id() -> str | None:
    """The current job."""
    job = rq.get_current_job()
    return job and job.id


def count_in_meta() -> int:
    """Counts its runs in its meta."""
    job = rq.get_current_job()
    assert job is not None
    job.meta["runs"] = job.meta.get("runs", 0) + 1
    job.save_meta()
    return job.meta["runs"]


def fail_until(runs: int) -> int:
    """Fails until it has run so often."""
    count = count_in_meta()
    if count < runs:
        raise ValueError(f"run {count}")
    return count


def return_retry(runs: int, most: int) -> Any:
    """Asks for retries by returning one, until it has run so often."""
    count = count_in_meta()
    return count if count >= runs else rq.Retry(max=most)


def save_result(job: Any, connection: Any, result: Any) -> None:
    """An on_success of RQ's documentation."""
    connection.set(f"success:{job.id}", str(result), ex=60)


def save_error(job: Any, connection: Any, kind: Any, value: Any, traceback: Any) -> None:
    """An on_failure of RQ's documentation."""
    del traceback
    connection.rpush(f"failure:{job.id}", f"{kind.__name__}: {value}")
    connection.expire(f"failure:{job.id}", 60)


def save_stopped(job: Any, connection: Any) -> None:
    """An on_stopped."""
    connection.set(f"stopped:{job.id}", "yes", ex=60)


def bad_callback(job: Any, connection: Any, result: Any) -> None:
    """An on_success that fails."""
    raise RuntimeError("bad callback")


def handle(job: Any, *error: Any) -> bool:
    """An exception handler."""
    job.meta["handled"] = error[0].__name__
    job.save_meta()
    return True


def sleep(seconds: float) -> str:
    """Takes a while."""
    time.sleep(seconds)
    return "awake"


def doze(seconds: float) -> str:
    """Takes a while, and can be interrupted in any thread."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)
    return "awake"


def kill_myself() -> None:
    """Takes its process along."""
    os._exit(9)


async def later(x: int) -> int:
    """A coroutine."""
    return x * 2


def append(key: str, value: str) -> None:
    """Appends to a list in Redis: the order of runs."""
    job = rq.get_current_job()
    assert job is not None
    job.connection.rpush(key, value)
    job.connection.expire(key, 60)


def killed(job: Any, pid: int, status: int, usage: Any) -> None:
    """A handler of killed work horses."""
    del usage
    job.connection.rpush("killed", f"{job.id} {pid > 0} {status}")
    job.connection.expire("killed", 60)
