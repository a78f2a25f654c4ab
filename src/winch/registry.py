"""A queue's jobs in one state, under RQ's names."""

from winch.queue.registries import (
    BlockedJobRegistry,
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
    "BlockedJobRegistry",
    "CanceledJobRegistry",
    "DeferredJobRegistry",
    "FailedJobRegistry",
    "FinishedJobRegistry",
    "Registry",
    "ScheduledJobRegistry",
    "StartedJobRegistry",
    "StoppedJobRegistry",
]
