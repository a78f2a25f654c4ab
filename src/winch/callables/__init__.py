"""Functions by name: the import path of a function, the function at a path, and which functions may run here."""

from winch.callables.admission import DELIVER, Admission
from winch.callables.importing import import_object, importing, refuse_during_import
from winch.callables.paths import (
    MAX_PATH,
    check_signature,
    class_path,
    own_path,
    parameters,
    path_of,
    project_root,
)

__all__ = [
    "DELIVER",
    "MAX_PATH",
    "Admission",
    "check_signature",
    "class_path",
    "import_object",
    "importing",
    "own_path",
    "parameters",
    "path_of",
    "project_root",
    "refuse_during_import",
]
