"""A queue's jobs in one state, under RQ's names."""

from winch.queue.registries import (
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    Registry,
    ScheduledJobRegistry,
    StartedJobRegistry,
    StoppedJobRegistry,
)

__all__ = [
    "CanceledJobRegistry",
    "DeferredJobRegistry",
    "FailedJobRegistry",
    "FinishedJobRegistry",
    "Registry",
    "ScheduledJobRegistry",
    "StartedJobRegistry",
    "StoppedJobRegistry",
]
