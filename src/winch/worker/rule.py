"""What this worker runs, made of its settings: the same for the start line and for every executor."""

from __future__ import annotations

from pathlib import Path

from winch.callables import Admission, project_root
from winch.worker.settings import WorkerSettings

__all__ = ["admission_of"]


def admission_of(settings: WorkerSettings) -> Admission:
    """The project around the working directory, the folders of `--path`, and what `--allow` names."""
    roots = [*map(Path, settings.paths), project_root()]
    return Admission(roots, settings.allow, settings.imports)
