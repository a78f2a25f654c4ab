"""The layout of `winch info`."""

from types import SimpleNamespace
from typing import cast

import click

from winch.cli.common import Place
from winch.cli.info import QueueView, Snapshot, WorkerView, as_data, lines, raw_lines
from winch.states import STATES
from winch.stores.contract import Store, WorkerInfo, WorkerRecord

STORE = cast(Store, SimpleNamespace(place="/shop/jobs.db", now=lambda: 42))


def queue(name: str, *, paused: bool = False, **counts: int) -> QueueView:
    """A queue with these numbers of jobs."""
    return QueueView(name, {state: counts.get(state.value, 0) for state in STATES}, paused)


def worker(name: str, *queues: str, alive: bool = True, jobs: tuple[str, ...] = (), **done: int) -> WorkerView:
    """A worker that listens to these queues."""
    info = WorkerInfo(f"id-{name}", name, "vm", "boot", 31302, 1, queues, "1", 30_000, 5_000, 2)
    return WorkerView(
        WorkerRecord(info, 1_000 if alive else 45_000, 7, alive, ("e1",), jobs, done.get("finished", 0)), ()
    )


def snapshot(queues: tuple[QueueView, ...] = (), workers: tuple[WorkerView, ...] = ()) -> Snapshot:
    """What there is to see."""
    return Snapshot(Place(STORE, "--url"), queues, workers)


def page(shown: Snapshot, *, queues: bool = True, workers: bool = True, by_queue: bool = False) -> list[str]:
    """The page as a terminal without colours shows it."""
    return [click.unstyle(line) for line in lines(shown, queues, workers, by_queue)]


def test_the_page_of_rq() -> None:
    """Queues with bars and counts, workers with what they do: the layout that users of RQ know."""
    shown = snapshot(
        (queue("default", queued=2, finished=1, failed=2), queue("low", started=1)),
        (worker("w1", "default", "low", jobs=("a",), finished=1),),
    )
    assert page(shown)[:-1] == [
        "store: sqlite:////shop/jobs.db (--url)",
        "",
        "default      |██ 2, 0 executing, 1 finished, 2 failed",
        "low          | 0, 1 executing, 0 finished, 0 failed",
        "2 queues, 2 jobs total",
        "",
        "w1 (vm 31302): busy default, low. jobs: 1 finished, 0 failed",
        "1 worker, 2 queues",
        "",
    ]
    assert page(shown)[-1].startswith("Updated: 20")


def test_other_states_when_there_are_any() -> None:
    """The states that RQ does not show appear when jobs are in them, and a paused queue says so."""
    assert queue("a", scheduled=3, deferred=1, paused=True).text() == (
        "0, 0 executing, 0 finished, 0 failed, 3 scheduled, 1 deferred (paused)"
    )


def test_bars_share_a_scale() -> None:
    """The longest bar has at most 20 columns, the others are drawn to its scale, and one job is always seen."""
    shown = page(snapshot((queue("a", queued=1_000), queue("b", queued=500), queue("c", queued=1), queue("d"))))
    assert [line.count("█") for line in shown[2:6]] == [20, 10, 1, 0]
    huge = page(snapshot((queue("a", queued=123_456),)))
    assert huge[2].count("█") == 20


def test_long_names_align() -> None:
    """Bars begin in the same column, however long a name is."""
    shown = page(snapshot((queue("a-queue-with-a-long-name"), queue("b"))))
    assert shown[2].index("|") == shown[3].index("|")


def test_states_of_workers() -> None:
    """A worker is busy, idle, or dead with the time of its silence."""
    shown = page(snapshot(workers=(worker("a", "q", jobs=("x",)), worker("b", "q"), worker("c", "q", alive=False))))
    assert [line for line in shown if "(vm" in line] == [
        "a (vm 31302): busy q. jobs: 0 finished, 0 failed",
        "b (vm 31302): idle q. jobs: 0 finished, 0 failed",
        "c (vm 31302): dead (no sign of life for 45 s) q. jobs: 0 finished, 0 failed",
    ]


def test_worker_whose_process_is_gone() -> None:
    """A worker that was killed is dead at once, whatever the store still says of it."""
    killed = WorkerView(worker("a", "q", jobs=("x",)).record, (), gone=True)
    assert killed.state == "dead"
    assert killed.text == "dead (its process is gone) q. jobs: 0 finished, 0 failed"


def test_by_queue() -> None:
    """`--by-queue` lists the workers of each queue."""
    shown = snapshot((queue("default"), queue("low")), (worker("w1", "default", jobs=("x",)), worker("w2", "default")))
    found = page(shown, queues=False, by_queue=True)
    assert found[2:4] == ["default: w1 (busy), w2 (idle)", "low:     -"]


def test_parts() -> None:
    """Queues and workers can be left out."""
    shown = snapshot((queue("default"),), (worker("w1", "default"),))
    assert not any("w1" in line for line in page(shown, workers=False))
    assert not any("|" in line for line in page(shown, queues=False))


def test_empty_store() -> None:
    """A store without jobs and workers has a page, too."""
    assert "0 queues, 0 jobs total" in page(snapshot())


def test_raw() -> None:
    """`--raw` is one line for each queue and worker, with every state."""
    shown = snapshot((queue("low", started=1),), (worker("w1", "low", finished=1),))
    assert raw_lines(shown, True, True, False) == [
        "queue low 0, 1 executing, 0 finished, 0 failed, 0 scheduled, 0 deferred, 0 blocked, 0 canceled, 0 stopped",
        "worker w1 (vm 31302) idle low. jobs: 1 finished, 0 failed",
    ]


def test_json() -> None:
    """`--json` has every count of every queue and what is known of each worker."""
    data = as_data(snapshot((queue("low", queued=3),), (worker("w1", "low"),)))
    assert data["store"] == "sqlite:////shop/jobs.db"
    assert data["now"] == 42
    queues = cast("list[dict[str, object]]", data["queues"])
    assert queues[0]["queued"] == 3
    assert set(queues[0]) == {"name", "paused", *(state.value for state in STATES)}
    workers = cast("list[dict[str, object]]", data["workers"])
    assert (workers[0]["name"], workers[0]["state"], workers[0]["beat_age_ms"]) == ("w1", "idle", 1_000)
    assert "queues" not in as_data(snapshot(), queues=False)
    assert "workers" not in as_data(snapshot(), workers=False)
