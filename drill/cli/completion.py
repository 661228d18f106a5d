"""`drill completion` and `drill version`."""

from __future__ import annotations

import json

import click

from drill import __version__


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    Example:
      eval "$(drill completion bash)"
    """
    from click.shell_completion import get_completion_class

    from drill.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "drill", "_DRILL_COMPLETE").source())


@click.command(name="version")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def version(*, as_json: bool) -> None:
    r"""Print the version.

    \b
    Example:
      drill version --json
    """
    click.echo(json.dumps({"version": __version__}) if as_json else f"drill {__version__}")
