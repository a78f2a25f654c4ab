"""Runs the commands of `winch` in this process."""

from click.testing import CliRunner, Result

from winch.cli import main

__all__ = ["run"]


def run(*words: str, code: int = 0) -> Result:
    """Run a command, which ends with that exit code."""
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, result.output
    return result
