"""`drill dead-man`: the process that ends an outage when its engine is gone, started by the engine."""

from __future__ import annotations

import click


@click.command(name="dead-man", hidden=True)
@click.argument("drill")
def command(drill: str) -> None:
    r"""End the outage of a drill when its engine is gone longer than limits.dead_man. The engine starts this by itself.

    \b
    Example:
      drill dead-man my-drill
    """
    from drill.cli.look import open_records
    from drill.settings import receive_handed_down
    from drill.wiring.dead_men import stand_watch

    receive_handed_down()
    stand_watch(open_records(), drill)
