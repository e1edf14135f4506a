"""completion: what a shell needs to complete the command line."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the shell completion script.

    Completes verbs, options, and the names of workers, worker types and services.

    \b
    bash:  eval "$(ray-watcher completion bash)"             in ~/.bashrc
    zsh:   eval "$(ray-watcher completion zsh)"              in ~/.zshrc
    fish:  ray-watcher completion fish > ~/.config/fish/completions/ray-watcher.fish

    \b
    Example:  ray-watcher completion bash
    """  # noqa: D301  # the \b keeps the line breaks of a paragraph in click
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "ray-watcher", "_RAY_WATCHER_COMPLETE").source())
