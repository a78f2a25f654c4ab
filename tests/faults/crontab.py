"""A module whose cron entries a worker writes."""

from winch import cron

cron.register("tests.faults.jobs.work", cron="0 3 * * *", args=["notes", "name"], name="nightly")
