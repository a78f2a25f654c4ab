"""Every point, every fault, every store: what must hold holds (docs/reliability.md, layer 3)."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.invariants import check
from tests.faults.plant import FAULTS, Plan, targets_of
from tests.faults.points import STEPS, Step
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import Stage

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]

EVERY = [
    pytest.param(store, step, side, fault, id=f"{side}:{step.name}-{fault}-{store}", marks=getattr(pytest.mark, store))
    for step in STEPS
    for side in ("before", "after")
    for fault in FAULTS
    for store in ("sqlite", "redis")
    if fault != "lose" or step.is_verb
]
# `make sweep` runs all, `make test` an eighth: always the same, but of all kinds.
CASES = EVERY if os.environ.get("WINCH_SWEEP") == "all" else random.Random(1).sample(EVERY, len(EVERY) // 8)


@pytest.fixture
def url(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store of this kind."""
    return request.getfixturevalue("redis_url") if store == "redis" else f"sqlite:///{tmp_path / 'jobs.db'}"


@pytest.mark.parametrize(("store", "step", "side", "fault"), CASES)
def test_a_fault_at_a_point(url: str, step: Step, side: str, fault: str, tmp_path: Path) -> None:
    """The scenario comes to its end, with every job in the state that it should be in."""
    plan = Plan(step, side, fault, tmp_path / "flag")
    play(step.scenario, url, tmp_path, plan)
    assert plan.flag.exists(), "the point was never reached"


@pytest.mark.parametrize("store", ["sqlite", "redis"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_without_a_fault(url: str, scenario: str, tmp_path: Path) -> None:
    """The scenarios themselves are sound."""
    play(scenario, url, tmp_path, None)


def play(scenario: str, url: str, folder: Path, plan: Plan | None) -> None:
    """Play a scenario, clear up, and look at what is left."""
    stage = Stage(url, folder, plan)
    try:
        SCENARIOS[scenario](stage)
        stage.clear_up()
        check(stage)
    except BaseException:
        print(stage.describe())
        raise
    finally:
        stage.close()


def test_every_step_is_there() -> None:
    """A step that was renamed in the code is missed here, not passed over. Names are unique."""
    assert all(targets_of(step) for step in STEPS)
    assert len({step.name for step in STEPS}) == len(STEPS)
    assert {step.scenario for step in STEPS} == set(SCENARIOS)
