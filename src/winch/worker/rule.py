"""What this worker runs, made of its settings: the same for the start line and for every executor."""

from __future__ import annotations

from pathlib import Path

from winch.callables import Admission, project_root
from winch.worker.settings import WorkerSettings

__all__ = ["admission_of", "roots_of"]


def roots_of(settings: WorkerSettings) -> list[Path]:
    """The folders with the user's code: those of `--path`, and the project around the working directory."""
    return [*map(Path, settings.paths), project_root()]


def admission_of(settings: WorkerSettings) -> Admission:
    """What lies in the folders with the user's code, and what `--allow` names."""
    return Admission(roots_of(settings), settings.allow, settings.imports)
