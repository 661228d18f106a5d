"""What the doctor says of a dry run: a drill starts only when its dry run would go through, failback included."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drill.engine.doctor import Advice
from drill.settings import Settings
from drill.wiring.dry_runs import rehearse_file


@dataclass(frozen=True)
class RehearsalLook:
    """Previews every step of a scenario: playbooks, modules, targets. `said`: codes and steps of the rules that are told already."""

    settings: Settings
    path: Path
    sets: Sequence[str]
    said: Collection[tuple[str, str]] = ()
    name: str = "dry run"

    def advice(self) -> Iterable[Advice]:
        rehearsal = rehearse_file(self.settings, self.path, self.sets)
        refused = [look for look in rehearsal.refused if (look.code, look.about if look.phase else "") not in self.said]
        for look in refused:
            yield Advice(f"step {look.about}" if look.phase else look.about, "error", look.detail, look.fix, look.code)
        if not refused and not self.said:
            steps = [look for look in rehearsal.looks if look.phase]
            skipped = sum(look.state == "skipped" for look in steps)
            yield Advice(self.name, "ok", f"{len(steps) - skipped} of {len(steps)} steps previewed, and none would be refused")
