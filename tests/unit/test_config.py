"""Settings: which source wins, and what the errors say."""

from importlib.metadata import version
from pathlib import Path

import pytest

from winch.config import default_url, load_settings, reset_settings, settings
from winch.errors import InvalidOption
from winch.version import VERSION


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, and no settings around it."""
    for name in ("URL", "ALLOW", "PATH", "IMPORT", "DEADLINE", "PICKLE"):
        monkeypatch.delenv(f"WINCH_{name}", raising=False)
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    reset_settings()
    return tmp_path


def test_the_default_is_a_file_of_the_project(project: Path) -> None:
    """The same from every folder below it."""
    assert default_url() == f"sqlite:///{project}/.winch/jobs.db"
    assert load_settings().url == default_url()
    assert load_settings().deadline == 5


def test_flags_beat_environment_beats_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And winch.toml beats pyproject.toml; each key by itself."""
    (project / "pyproject.toml").write_text('[tool.winch]\nurl = "sqlite:///1"\nallow = ["a.*"]\ndeadline = 1\n')
    (project / "winch.toml").write_text('url = "sqlite:///2"\n')
    assert load_settings().url == "sqlite:///2"
    assert load_settings().allow == ("a.*",)
    monkeypatch.setenv("WINCH_URL", "sqlite:///3")
    monkeypatch.setenv("WINCH_DEADLINE", "2.5")
    monkeypatch.setenv("WINCH_ALLOW", "b.*, c.d")
    monkeypatch.setenv("WINCH_PICKLE", "1")
    found = load_settings()
    assert (found.url, found.deadline, found.allow, found.pickle) == ("sqlite:///3", 2.5, ("b.*", "c.d"), True)
    assert load_settings({"url": "sqlite:///4", "allow": ()}).url == "sqlite:///4"
    assert load_settings({"allow": ()}).allow == ("b.*", "c.d")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('ulr = "x"', "unknown key 'ulr': did you mean 'url'"),
        ("deadline = -1", "more than 0"),
        ("pickle = 3", "give 1 or 0"),
        ("url = 3", "url cannot be 3"),
        ("url =", "cannot be read"),
    ],
)
def test_what_is_wrong_is_told_with_its_file(project: Path, text: str, message: str) -> None:
    """An unknown key names the nearest."""
    (project / "winch.toml").write_text(text)
    with pytest.raises(InvalidOption, match=rf"winch\.toml.*{message}"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "what"), [("[tool]\nwinch = 3  # [tool.winch]", "winch is 3"), ("tool = 3  # [tool.winch]", "tool is 3")]
)
def test_settings_that_are_no_table(project: Path, text: str, what: str) -> None:
    """What stands in the place of the table is told with its file."""
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(InvalidOption, match=rf"pyproject\.toml: tool\.winch must be a table, and {what}"):
        load_settings()


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first use, and again when asked."""
    first = settings()
    monkeypatch.setenv("WINCH_URL", "sqlite:///3")
    assert settings() is first
    reset_settings()
    assert settings().url == "sqlite:///3"
    reset_settings()


def test_the_version_is_that_of_the_package() -> None:
    """It is written down in one place, of which the package is made."""
    assert version("winch") == VERSION
