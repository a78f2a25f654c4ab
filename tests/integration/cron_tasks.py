"""A module with cron entries, for `winch cron sync` and `winch worker --cron`."""

import os

from tests.integration.tasks import note
from winch import cron, get_current_job

NOTES = os.environ.get("CRON_NOTES", "")


def tick(path: str) -> None:
    """Note which slot this is."""
    job = get_current_job()
    assert job is not None
    note(path, f"{job.meta['cron']['name']} {job.meta['cron']['slot'].timestamp():.0f}")


cron.register(tick, "ticks", every=1, args=[NOTES], name="tick", misfire="all", timeout=30)
cron.register("tests.integration.tasks.noop", cron="0 3 * * *", zone="Europe/Berlin", name="nightly")
