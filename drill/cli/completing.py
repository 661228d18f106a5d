"""What a shell offers for the next word: drills, the gates, contacts and steps of the drill named before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    from drill.adapters.journal_names import JournalNames

_MOST = 50


def drills(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Drills, the newest first."""
    return _fitting(_names().drills(), incomplete)


def gates(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Gates of the drill, and the phases that have one."""
    rows = _plan(context).get("gates", ())
    return _fitting([name for gate in rows for name in (gate["id"], *gate["phases"])], incomplete)


def contacts(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Contacts of the drill."""
    return _fitting([contact["id"] for contact in _plan(context).get("contacts", ())], incomplete)


def steps(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Steps of the drill that a person was asked about; every step when none was."""
    plan = _plan(context)
    phases = [*plan.get("phases", ()), *plan.get("failback", ())]
    asked = _names().asked_steps(_drill(context))
    return _fitting(asked or [step["id"] for phase in phases for step in phase["steps"]], incomplete)


def _fitting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)][:_MOST]


def _names() -> JournalNames:
    """The journal file of this home; drills of a shared database are not offered: asking it at every key is too slow."""
    from drill.adapters.journal_names import JournalNames
    from drill.settings import Settings

    return JournalNames(Settings.load().home / "drill.sqlite")


def _drill(context: click.Context) -> str:
    named = context.params.get("drill")
    return str(named) if named else next(iter(_names().drills()), "")


def _plan(context: click.Context) -> dict[str, Any]:
    return _names().plan(_drill(context))
