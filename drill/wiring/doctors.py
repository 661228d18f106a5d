"""Puts together what `drill doctor` looks at, for one scenario on this machine."""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from drill.adapters.clock import SystemClock
from drill.adapters.database import seconds_now
from drill.adapters.database_errors import translated
from drill.adapters.journal_memory import MemoryJournal
from drill.engine.attempt import StepRunner
from drill.engine.doctor import (
    Advice,
    CannotMove,
    ClockInStep,
    Examination,
    LiveGround,
    Looked,
    Room,
    SafetyRules,
    SecretsSet,
    Unlooked,
    examine,
    once,
    what_stays,
)
from drill.engine.doctor_fate import SharedFate, lost_sites
from drill.engine.preflight import Preflight
from drill.engine.record import Recorder
from drill.engine.safety import violations
from drill.model.errors import DrillError, JournalBroken
from drill.model.plan import Plan
from drill.settings import EnvironmentSecrets, Settings
from drill.wiring.doctor_clouds import cloud_looks, data_looks
from drill.wiring.doctor_rehearsal import RehearsalLook
from drill.wiring.doctor_stands import Stands
from drill.wiring.doctor_vantage import VantageLook
from drill.wiring.guarding import guards_of
from drill.wiring.leases import SiteLease
from drill.wiring.records import Records
from drill.wiring.rooms import free_bytes, nearest, writable
from drill.wiring.scenarios import Opened, open_scenario
from drill.wiring.stores import open_artifacts
from drill.wiring.worlds import Grounds, is_sandbox, open_grounds, secrets_for

if TYPE_CHECKING:
    from drill.model.ports import Secrets

_DRILL: Final = "doctor"
_NO_GROUND: Final = "F041"


def doctor(settings: Settings, path: Path, sets: Sequence[str]) -> list[Advice]:
    """All advice on one scenario file. Nothing is written, and nothing is touched.

    Raises: ScenarioInvalid: with every finding; there is nothing to look at then.
    """
    opened = open_scenario(path, sets=sets)
    broken = violations(opened.plan, opened.kinds, now=SystemClock().now())
    looks: tuple[Sequence[Examination], ...] = (
        [SafetyRules(broken)],
        _machine(settings, opened),
        [RehearsalLook(settings, path, sets, {(each.code, each.step) for each in broken})],
        _record(settings, opened.plan),
        _fate(settings, opened),
        cloud_looks(settings, opened.plan, _secrets(settings, opened.plan)),
        _ground(settings, opened),
    )
    return once(examine([each for group in looks for each in group]))


def _machine(settings: Settings, opened: Opened) -> list[Examination]:
    kinds = {step.kind for step in opened.plan.steps()}
    tools: list[Examination] = []
    if any(kind.startswith("terraform.") for kind in kinds):
        tools.append(Looked("terraform", _terraform))
    if any("playbook" in step.params for step in opened.plan.steps()):
        tools.append(Looked("ansible", lambda: f"ansible-core {importlib.metadata.version('ansible-core')}"))
    if is_sandbox(opened.plan):
        tools.append(Looked("postgresql", _postgresql))
    places = {str(nearest(place)): partial(free_bytes, place) for place in (settings.home, settings.reports)}
    room = [Room(place, free) for place, free in places.items()]
    secrets = _secrets(settings, opened.plan)
    return [*tools, SecretsSet(opened.plan, secrets), VantageLook(settings, opened.plan, secrets), *room]


def _secrets(settings: Settings, plan: Plan) -> Secrets:
    """As a drill will find them: a sandbox that is not up yet will bring its own."""
    if not is_sandbox(plan):
        return secrets_for(settings, plan)
    from drill.sandbox.blueprint import Blueprint

    return EnvironmentSecrets(settings.secrets_file, Blueprint().secrets)


def _terraform() -> str:
    from drill.adapters.terraform_binary import terraform_told

    return terraform_told()


def _postgresql() -> str:
    from drill.sandbox.postgres_binaries import find_toolset

    found = find_toolset()
    return f"PostgreSQL {found.major} in {found.bin_dir}"


# ---------------------------------------------------------------- the record


def _record(settings: Settings, plan: Plan) -> list[Examination]:
    found: list[Examination] = [
        Looked("home", partial(writable, settings.home, "DRILL_HOME")),
        Looked("reports", partial(writable, settings.reports, "DRILL_REPORTS")),
        Looked("journal", partial(_journal, settings)),
        Looked("lease", partial(_lease, settings, plan)),
    ]
    clock: list[Examination] = [ClockInStep(partial(_ahead_s, settings))] if settings.shared else []
    stays = what_stays(shared=settings.shared, home=str(settings.home), sandbox=is_sandbox(plan))
    return [*found, *clock, CannotMove(stays)]


def _journal(settings: Settings) -> str:
    """Raises: JournalBroken: it is damaged, of a newer release, read-only or away (J00x, J02x)."""
    records = Records.to_look_at(settings)
    count = len(records.journal.drills())
    if settings.shared:
        _refuse_read_only(records.database)
    file = settings.home / "drill.sqlite"
    if not settings.shared and file.exists() and not os.access(file, os.W_OK):
        raise JournalBroken(f"{file} is read-only.", code="J021", fix="Make it writable for this user.")
    return f"{count} drill(s), sound and writable"


def _refuse_read_only(database: sa.Engine) -> None:
    asked = sa.text("select pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean")
    with translated(), database.connect() as connection:
        if connection.execute(asked).scalar():
            raise JournalBroken("the database takes no writes: it is a standby, or read-only.", code="J021", fix="Name its primary.")


def _lease(settings: Settings, plan: Plan) -> str:
    """Raises: PreflightFailed: another drill is on one of the sites (F051)."""
    records = Records.to_look_at(settings)
    if records.journal.drills() and sa.inspect(records.database).has_table("site_lease"):
        SiteLease(records, _DRILL, plan).refuse_if_taken()
    return f"free: {', '.join(sorted(site.id for site in plan.sites))}"


def _ahead_s(settings: Settings) -> float:
    database = Records.to_look_at(settings).database
    with translated(), database.connect() as connection:
        begun_s = time.time()
        theirs_s = float(connection.execute(sa.select(seconds_now(database))).scalar_one())
        return (begun_s + time.time()) / 2 - theirs_s


def _fate(settings: Settings, opened: Opened) -> list[Examination]:
    """The sandbox's regions are all this machine: its shared fate proves nothing."""
    if is_sandbox(opened.plan):
        return []
    lost = lost_sites(opened.plan, opened.kinds)
    return [SharedFate(lost, Stands(opened.plan, settings, secrets_for(settings, opened.plan), tuple(lost)).all)]


# ---------------------------------------------------------------- the ground


def _ground(settings: Settings, opened: Opened) -> list[Examination]:
    """The live checks; for a ground that is not there yet, only that they were not made."""
    here = replace(settings, database_url=f"sqlite:///{settings.home / 'drill.sqlite'}")  # a shared one would get tables for workspaces
    try:
        grounds = open_grounds(here, opened.plan, drill=_DRILL, say=lambda _text: None)
    except DrillError as error:
        if error.code != _NO_GROUND:
            return [Looked("live ground", _raising(error))]
        return [Unlooked("the sandbox is not up: steady state, lag, names and texts were not looked at", "`drill sandbox up` first.")]
    return [*data_looks(opened.plan, grounds.world), LiveGround(_preflight(here, opened, grounds))]


def _raising(error: DrillError) -> Callable[[], str]:
    def look() -> str:
        raise error

    return look


def _preflight(settings: Settings, opened: Opened, grounds: Grounds) -> Preflight:
    """As a drill's own, with a journal in memory, no text sent, and no output of a rehearsed playbook kept."""
    from drill.adapters.ansible import AnsibleRunner

    ansible = AnsibleRunner(settings.project / "playbooks", settings.mark(), lambda _name, _content: None)
    world = replace(grounds.world, ansible=ansible)
    recorder = Recorder(_DRILL, journal=MemoryJournal(), clock=SystemClock())
    runner = StepRunner(opened.plan, kinds=opened.kinds, world=world, recorder=recorder, artifacts=open_artifacts(settings))
    return Preflight(runner, secrets=grounds.secrets, guards=guards_of(grounds), auditor=grounds.auditor)
