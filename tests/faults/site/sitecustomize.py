"""Python imports this by itself in every process that has this folder on its PYTHONPATH: those of one test."""

import os

if plan := os.environ.get("WINCH_TEST_FAULT"):
    from tests.faults.plant import Plan, plant

    plant(Plan.parse(plan))
