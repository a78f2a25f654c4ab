"""The worker: `Worker` to start one from Python, `WorkerView` to look at those that run."""

from winch.worker.settings import WorkerSettings
from winch.worker.view import WorkerView
from winch.worker.worker import Worker, run_worker

__all__ = ["Worker", "WorkerSettings", "WorkerView", "run_worker"]
