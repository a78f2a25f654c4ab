"""Import paths, signatures, and what a worker runs."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forks import fork, status_of
from winch.callables import Admission, check_signature, importing, own_path, parameters, path_of, project_root
from winch.errors import DecodeError, EnqueuedDuringImport, Refused, UnimportableFunction

HERE = __name__
NOBODY = 65534


def job(a: int, /, b: int = 0, *, c: int = 0) -> None:
    """A function."""


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that keeps the name."""

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@decorated
def wrapped() -> None:
    """A function that was decorated."""


def original() -> None:
    """A function that was decorated under another name."""


renamed = decorated(original)


class Mailer:
    def send(self) -> None: ...

    @staticmethod
    def static() -> None: ...

    @classmethod
    def klass(cls) -> str:
        return cls.__name__

    def __call__(self) -> None: ...


class Special(Mailer):
    pass


@pytest.mark.parametrize(
    ("function", "path"),
    [
        (job, f"{HERE}.job"),
        (wrapped, f"{HERE}.wrapped"),
        (Mailer.static, f"{HERE}.Mailer.static"),
        (Mailer.klass, f"{HERE}.Mailer.klass"),
        (Special.klass, f"{HERE}.Special.klass"),
        (len, "builtins.len"),
        (str.upper, "builtins.str.upper"),
        (subprocess.run, "subprocess.run"),
        ("shop.jobs.send", "shop.jobs.send"),
        ("scripts/report.py:send", "scripts/report.py:send"),
    ],
)
def test_functions_that_have_a_path(function: Any, path: str) -> None:
    """Functions, static and class methods, builtins, and paths themselves."""
    assert path_of(function) == path


def inner() -> Callable[[], None]:
    """Make a function inside a function."""

    def hidden() -> None: ...

    return hidden


PATHLESS: list[tuple[Any, str]] = [
    (lambda: None, "a lambda has no name"),
    (inner(), "move hidden to the top of its module"),
    (Mailer().send, "given the object's id"),
    (Mailer(), "object that can be called"),
    (list[int]().append, "given the object's id"),
    (functools.partial(job, 1), "pass all arguments to enqueue"),
    (renamed, "a worker would run another one"),
    ("send", "package.module.function"),
    ("shop..send", "package.module.function"),
    ("", "package.module.function"),
    (None, r"None is no function: pass the function, not its result: enqueue\(f, 1\)"),
    (5, "5 is no function"),
    ([1] * 1000, r"^.{80} is no function"),
]


@pytest.mark.parametrize(("function", "text"), PATHLESS)
def test_functions_that_have_none(function: Any, text: str) -> None:
    """The error says what to do about it."""
    with pytest.raises(UnimportableFunction, match=text):
        path_of(function)


SCRIPT = """
from winch.callables import path_of, class_path
def send(): ...
class Order: ...
try:
    print(path_of(send), class_path(Order))
except Exception as error:
    print(type(error).__name__, error)
"""


def run(folder: Path, *arguments: str, stdin: str = "") -> str:
    """Run Python in a folder, and return what it prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def test_the_script_being_run(tmp_path: Path) -> None:
    """Its functions have the path of the file, or of the module with -m; what was typed has none."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "report.py").write_text(SCRIPT)
    assert run(tmp_path, "tools/report.py") == "tools/report.py:send tools/report.py:Order"
    assert run(tmp_path / "tools", "report.py") == "tools/report.py:send tools/report.py:Order"
    assert run(tmp_path, "-m", "tools.report") == "tools.report.send tools.report.Order"
    assert run(tmp_path, "-", stdin=SCRIPT).startswith("UnimportableFunction")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path, with nothing installed from source. Each test names its modules differently."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("winch.callables.admission._sources", lambda: (frozenset[str](), ()))
    return tmp_path


def test_a_script_is_loaded_by_its_path(project: Path) -> None:
    """Under a name of its own, so that what is below `if __name__ == "__main__"` does not run."""
    (project / "scriptx.py").write_text("def send(): return __name__\nif __name__ == '__main__': 1 / 0\n")
    admission = Admission([project])
    assert admission.resolve("scriptx.py:send")() == "__winch_main__.scriptx"
    assert path_of(admission.resolve("scriptx.py:send")).endswith("scriptx.py:send")
    with pytest.raises(Refused, match="not the project's own"):
        admission.resolve("../elsewhere.py:send")
    with pytest.raises(Refused):
        admission.resolve("/etc/passwd:send")


def test_a_script_that_imports_what_stands_beside_it(project: Path) -> None:
    """Python finds that while it runs the script, a worker does not: the error says what to do."""
    (project / "sub").mkdir()
    (project / "sub" / "beside.py").touch()
    (project / "sub" / "scriptx.py").write_text("import beside\n")
    (project / "sub" / "scripty.py").write_text("import nowherex\n")
    admission = Admission([project])
    with pytest.raises(ModuleNotFoundError, match=rf"No module named 'beside': .* --path {project}/sub$"):
        admission.resolve("sub/scriptx.py:send")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'nowherex'$"):
        admission.resolve("sub/scripty.py:send")


def test_the_projects_own_functions_run(project: Path) -> None:
    """And those in packages, methods of classes included."""
    (project / "shopx1").mkdir()
    (project / "shopx1" / "jobs.py").write_text("class A:\n  @staticmethod\n  def f(): return 1\ndef g(): return 2\n")
    admission = Admission([project])
    assert admission.resolve("shopx1.jobs.A.f")() == 1
    assert admission.resolve("shopx1.jobs.g")() == 2
    assert str(project) in admission.describe()


def test_what_is_merely_importable_does_not_run(project: Path) -> None:
    """Neither by its own path nor through a module of the project that imports it."""
    (project / "shopx2.py").write_text("import os, subprocess\nfrom os import system\nfrom functools import partial\n"
                                       "p = partial(system, 'true')\n")  # fmt: skip
    admission = Admission([project])
    for path in (
        "os.system",
        "subprocess.run",
        "builtins.eval",
        "pytest.main",
        "winch.codec.permit_pickle",
    ):
        with pytest.raises(Refused, match="--allow"):
            admission.resolve(path)
    for path in ("shopx2.system", "shopx2.os.system", "shopx2.subprocess.run", "shopx2.p"):
        with pytest.raises(Refused, match="found as shopx2"):
            admission.resolve(path)


def test_modules_that_do_not_exist(project: Path) -> None:
    """No flag would help: the text names the module and where it was looked for."""
    (project / "lib").mkdir()
    (project / "lib" / "shopx9.py").touch()
    admission = Admission([project / "lib"])
    text = rf"nowhere\.f cannot be found: there is no module 'nowhere' in {project}/lib or on Python's own path"
    with pytest.raises(Refused, match=text) as caught:
        admission.resolve("nowhere.f")
    assert "--allow" not in str(caught.value)
    with pytest.raises(DecodeError, match=r"the class nowhere\.Order cannot be found"):
        admission.load_class("nowhere.Order")
    assert "no module 'nowhere'" in (admission.advice("nowhere.f") or "")
    assert admission.advice("shopx9.f") is None  # not on this process's path, but a worker has that folder on its own
    assert "--allow" in (admission.advice("sys.exit") or "")
    assert "--allow" in (admission.advice("__main__.f") or "")


def test_refused_modules_are_not_imported(project: Path) -> None:
    """The path is checked first."""
    (project / "shopx3.py").write_text("raise SystemError('imported')\n")
    with pytest.raises(Refused):
        Admission([project / "other"]).resolve("shopx3.f")
    with pytest.raises(SystemError, match="imported"):
        Admission([project]).resolve("shopx3.f")


def test_allowed_functions_run() -> None:
    """By name, by pattern, or all."""
    assert Admission([], ["math.factorial"]).resolve("math.factorial")(3) == 6
    assert Admission([], ["math.*"]).resolve("math.factorial")(3) == 6
    assert Admission([], ["*"]).resolve("os.getcwd")() == str(Path.cwd())
    assert "any function" in Admission([], ["*"]).describe()
    with pytest.raises(Refused, match=r"posix\.getcwd"):
        Admission([], ["os.*"]).resolve("os.getcwd")


def test_tasks_of_named_modules_run(project: Path) -> None:
    """`--import shop.tasks` admits what is marked there, and nothing else."""
    (project / "shopx4.py").write_text("from winch import task\n@task('a')\ndef f(): return 1\ndef g(): ...\n")
    admission = Admission([], imports=["shopx4"])
    assert admission.resolve("shopx4.f")() == 1
    with pytest.raises(Refused):
        admission.resolve("shopx4.g")


def test_missing_functions_tell_so(project: Path) -> None:
    """The import's own error, also when a module that it imports is missing."""
    (project / "shopx5.py").write_text("f = 1\n")
    (project / "shopx6.py").write_text("import no_such_module_at_all\n")
    admission = Admission([project])
    with pytest.raises(AttributeError, match="renamed"):
        admission.resolve("shopx5.g")
    with pytest.raises(TypeError, match="is of type int, which cannot be called"):
        admission.resolve("shopx5.f")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        admission.resolve("shopx6.f")


def test_a_module_that_enqueues_when_imported_is_stopped(project: Path) -> None:
    """The error names the file, not the one that imported it."""
    (project / "shopx7.py").write_text("import shopx8\ndef f(): ...\n")
    (project / "shopx8.py").write_text("from winch import Queue\nQueue().enqueue('shopx7.f')\n")
    with pytest.raises(EnqueuedDuringImport, match=r'shopx8\.py enqueues .* `if __name__ == "__main__":`'):
        Admission([project]).resolve("shopx7.f")
    assert importing() is None


def test_signatures() -> None:
    """The text names the function and what is wrong."""
    check_signature(job, (1,), {"b": 2, "c": 3})
    with pytest.raises(TypeError, match=r"job\(a.* cannot be called like this: missing a required argument: 'a'"):
        check_signature(job, (), {})
    assert parameters(job) == {"b", "c"}
    assert own_path(functools.partial(job)) == f"{HERE}.job"


def test_the_project_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest folder with a sign of a project, else the working directory."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "manage.py").touch()
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert project_root() == tmp_path
    (tmp_path / "a" / "pyproject.toml").touch()
    assert project_root() == tmp_path / "a"


def test_the_project_root_below_a_folder_that_may_not_be_looked_into() -> None:
    """As when a service works in somebody's home: that folder has no sign of a project."""
    home = Path(tempfile.mkdtemp())  # pytest's own is closed to other users
    (home / "a").mkdir()
    home.chmod(0o600)

    def look() -> None:
        if os.getuid() == 0:  # nothing is closed to root
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        assert project_root(home / "a") == home / "a"

    try:
        assert status_of(fork(look)) == 0
    finally:
        home.chmod(0o700)
        shutil.rmtree(home)
