"""`drill observe`: the observer's process, started by the engine."""

from __future__ import annotations

import click


@click.command(name="observe", hidden=True)
@click.argument("drill")
def command(drill: str) -> None:
    r"""Take the samples of a drill until it ends. The engine starts this by itself.

    \b
    Example:
      drill observe my-drill
    """
    from drill.cli.look import open_records
    from drill.settings import receive_handed_down
    from drill.wiring.observers import observe

    receive_handed_down()
    observe(open_records(), drill)
