"""`winch completion`: what makes a shell complete winch's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["command"]

EPILOG = """\b
EXAMPLES
  winch completion bash >> ~/.bashrc
  winch completion zsh >> ~/.zshrc
  winch completion fish > ~/.config/fish/completions/winch.fish
"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the lines that make a SHELL complete commands and options."""
    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"click knows no completion for {shell}")
    click.echo(found(context.find_root().command, {}, "winch", "_WINCH_COMPLETE").source())
