"""`drill serve --worker` as it is, but for the ground: sites where nothing stands, so that any number of drills can run side by side.

`python bench/fleet_worker.py NAME`: started by fleet.py, with DRILL_HOME and DRILL_DATABASE_URL in its environment.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Self, cast

from nothing import EmptyWorld, NoSecrets

from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring import sessions
from drill.wiring.serving import serve
from drill.wiring.worlds import Grounds


class Idle:
    """Stands in for the processes that watch a drill: there is nothing to see. Whatever it is asked to do is done at once."""

    def __init__(self, *_args: object, **_named: object) -> None:
        return

    def __getattr__(self, _name: str) -> Self:
        return self

    def __call__(self, *_args: object, **_named: object) -> None:
        return


def no_ground(_settings: Settings, plan: Plan, **_named: object) -> Grounds:
    """A ground without anything on it."""
    world = cast("Any", EmptyWorld())
    return Grounds(plan, world, cast("Any", None), NoSecrets(), {}, None, None, Idle())


def main(name: str) -> None:
    """Serve until SIGTERM."""
    vars(sessions).update(open_grounds=no_ground, Watchers=Idle)
    serve(name, [], allow_live=False, say=_say)
    os._exit(0)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
