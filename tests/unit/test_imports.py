"""Holds the house together: imports point downwards, form no cycle, and `import winch` stays light."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[2] / "src"

# From low to high (DESIGN.md section 3). A name stands for winch.<name> and all modules below it; "" is winch itself.
# A module may import from its own layer and from lower ones.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "bounded",
            "errors",
            "states",
            "options",
            "config",
            "callables",
            "codec",
            "events",
            "identity",
            "ids",
            "loading",
            "metrics",
            "polling",
            "version",
        }
    ),
    frozenset({"stores"}),
    frozenset({"job", "group", "running"}),
    frozenset({"queue", "registry", "decorators", "cron", "log", "suspension", "webhooks"}),
    frozenset({"worker", "inspector", "command"}),
    frozenset({""}),
    frozenset({"cli", "dashboard", "contrib", "compat", "testing", "demo", "__main__"}),
)

# The imports that may be inside a function: (the module, what it imports or a parent of that) -> the reason.
LAZY: Mapping[tuple[str, str], str] = {
    ("winch.callables.admission", "importlib.metadata"): "slow, and needed only where something is run",
    ("winch.codec.envelope", "pickle"): "opt-in",
    ("winch.compat.rqdb", "pickle"): "only with consent",
    ("winch.compat.rq.connections", "redis"): "only where the store is Redis",
    ("winch.compat.rq.connections", "winch.stores.sqlite"): "only for fakeredis",
    ("winch.config", "tomllib"): "only where there is a file",
    ("winch.group", "asyncio"): "only for until_complete",
    ("winch.ids", "hashlib"): "OpenSSL, 4 MB: only for derived ids",
    ("winch.job.awaiting", "asyncio"): "only for aresult",
    (
        "winch.stores.redis.addresses",
        "winch.stores.redis.driver",
    ): "imports redis-py: only for TLS, Sentinel and clients",
    ("winch.stores", "winch.stores.sqlite"): "each store loads its driver, and only one is used",
    ("winch.stores", "winch.stores.redis"): "each store loads its driver, and only one is used",
    ("winch.worker.executor", "winch.worker.forking"): "only with --isolation fork",
    ("winch.worker.lanes", "asyncio"): "only with the first async job",
    (
        "winch.worker.starting",
        "winch.worker.serving",
    ): "while the executor's process, which is started before, imports too",
    ("winch.worker.vitals", "tempfile"): "only where there is no memfd_create",
    ("winch.worker.surroundings", "winch.cron"): "only in the executor that writes cron entries",
    ("winch.queue.putting", "winch.queue.batching"): "imports asyncio, only for aenqueue",
    ("winch.testing.plugin", "winch.testing.memory"): "in every test suite of a user: only where it is asked for",
    ("winch.testing.plugin", "winch.queue"): "in every test suite of a user: only where it is asked for",
    ("winch.queue.putting", "asyncio"): "only for aenqueue",
    ("winch.queue.inlining", "winch.running.inline"): "imports asyncio, only where jobs run at once",
}

# What `import winch` must not load: each costs more than all of winch, or is needed by one store or the CLI only.
HEAVY = frozenset(
    {
        "asyncio",
        "click",
        "hiredis",
        "http",
        "multiprocessing",
        "ormsgpack",
        "redis",
        "rich",
        "sqlite3",
        "ssl",
        "unittest",
    }
)


class Import(NamedTuple):
    """One import in the source."""

    module: str
    imported: str
    line: int
    inside_function: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.imported}"


def _modules() -> dict[str, Path]:
    """Every module of winch by its full name."""
    found: dict[str, Path] = {}
    for path in sorted((SOURCE / "winch").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _imports(module: str) -> Iterator[Import]:
    """Every import of a module, those in functions and under TYPE_CHECKING included."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    yield from _imports_below(tree, module, inside_function=False)


def _imports_below(node: ast.AST, module: str, *, inside_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for imported in _names(child, module):
            yield Import(module, imported, getattr(child, "lineno", 0), inside_function)
        inside = inside_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports_below(child, module, inside_function=inside)


def _names(node: ast.AST, module: str) -> list[str]:
    """The modules that a node imports; `from package import name` is the module package.name where there is one."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(names=names):
            base = _base(node, module)
            inner = [f"{base}.{alias.name}" for alias in names]
            return list(dict.fromkeys(name if name in MODULES else base for name in inner))
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
        case _:
            return []


def _base(node: ast.ImportFrom, module: str) -> str:
    """The absolute name of what a `from` names."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
    parents = package[: len(package) - node.level + 1]
    return ".".join([*parents, node.module] if node.module else parents)


def _layer(module: str) -> int | None:
    """The index of a module's layer, or None for a module that has none."""
    top = module.removeprefix("winch").removeprefix(".").partition(".")[0]
    return next((index for index, names in enumerate(LAYERS) if top in names), None)


def _is_winch(name: str) -> bool:
    return name == "winch" or name.startswith("winch.")


ALL = [found for module in MODULES for found in _imports(module)]
OWN = [found for found in ALL if _is_winch(found.imported)]


def _lazy_entry(found: Import) -> tuple[str, str] | None:
    """The entry of LAZY that allows an import."""
    parents = found.imported.split(".")
    names = (".".join(parents[:length]) for length in range(len(parents), 0, -1))
    return next(((found.module, name) for name in names if (found.module, name) in LAZY), None)


def test_every_module_has_a_layer() -> None:
    """A module that no layer names is told where to go."""
    unknown = [module for module in MODULES if _layer(module) is None]
    assert not unknown, (
        f"{', '.join(unknown)}: in no layer. Add the name to its layer in LAYERS of tests/unit/test_imports.py "
        "and to section 'The house' of the design."
    )


def test_imports_exist() -> None:
    """What winch imports from itself is a module of winch."""
    missing = [str(found) for found in OWN if found.imported not in MODULES]
    assert not missing, "no such module: " + "; ".join(missing)


def test_imports_point_downwards() -> None:
    """A module imports from its own layer or from lower ones, also inside functions and for types."""
    upwards = [
        str(found)
        for found in OWN
        if (here := _layer(found.module)) is not None and (there := _layer(found.imported)) is not None and there > here
    ]
    assert not upwards, "imports from a higher layer: " + "; ".join(upwards)


def test_imports_form_no_cycle() -> None:
    """No modules import each other in a circle, imports inside functions counted."""
    graph = TopologicalSorter({module: {o.imported for o in OWN if o.module == module} for module in MODULES})
    try:
        graph.prepare()
    except CycleError as error:
        pytest.fail("a cycle of imports: " + " <- ".join(error.args[1]))


def test_imports_inside_functions_are_listed() -> None:
    """An import inside a function has an entry in LAZY that gives its reason."""
    unlisted = [str(found) for found in ALL if found.inside_function and _lazy_entry(found) is None]
    assert not unlisted, (
        "imports inside functions: "
        + "; ".join(unlisted)
        + ". Move each to the top of its module, or if it is optional "
        "or slow add it with the reason to LAZY in tests/unit/test_imports.py."
    )


def test_lazy_entries_are_in_use() -> None:
    """LAZY lists nothing that is not done any more."""
    used = {_lazy_entry(found) for found in ALL if found.inside_function}
    stale = [f"{module} -> {imported}" for module, imported in LAZY if (module, imported) not in used]
    assert not stale, "remove from LAZY in tests/unit/test_imports.py: " + "; ".join(stale)


def _loaded(modules: str) -> set[str]:
    """The names of all modules that a fresh interpreter loads to import these."""
    script = (
        f"import sys, json; before = set(sys.modules); import {modules}; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def test_importing_winch_is_light() -> None:
    """`import winch` loads no client, no CLI library, no event loop."""
    loaded = HEAVY & _loaded("winch")
    assert not loaded, f"import winch loads {', '.join(sorted(loaded))}: import it where it is used, or lower down"


# What a worker must not load before a job or a setting asks for it: each is 2 to 130 ms of processor time or megabytes of
# memory, in every process, between `winch worker` and its first job.
LATE = frozenset({"asyncio", "bz2", "email", "http", "pickle", "redis", "ssl", "tempfile", "unittest", "zipfile"})


@pytest.mark.parametrize(
    ("process", "imports", "late"),
    [
        ("executor", "winch.worker.entry", LATE | {"click", "cronsim", "subprocess"}),
        ("supervisor", "winch.cli, winch.cli.worker, winch.worker.supervisor", LATE),
    ],
)
@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_a_worker_loads_what_it_needs(process: str, imports: str, late: frozenset[str], store: str) -> None:
    """An executor loads no command line and no event loop, neither process the client library of Redis."""
    loaded = late & _loaded(f"{imports}, winch.stores.{store}")
    assert not loaded, f"the {process} loads {', '.join(sorted(loaded))}: import it where it is used, or lower down"


def test_the_command_line_parses_before_it_works() -> None:
    """What `winch worker` imports before it starts its first executor's process, which takes longest, is kept small."""
    others = {"winch.codec", "winch.job", "winch.queue", "winch.worker.supervisor"}
    loaded = others & _loaded("winch.cli, winch.cli.worker, winch.worker.starting")
    assert not loaded, f"loaded before the first executor's process is started: {', '.join(sorted(loaded))}"
