"""`drill run`: compile, check, play, report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from drill.model.plan import Plan


@click.command(name="run")
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SCENARIO…")
@click.option("--id", "drill_id", help="Name the drill; else its scenario and the time name it.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value of the scenario, e.g. objectives.rto=2s.")
@click.option("--dry-run", is_flag=True, help="Run every preview and touch nothing; takes directories too.")
@click.option("--live", is_flag=True, help="Allow a scenario that touches real sites; needs --confirm.")
@click.option("--confirm", metavar="NAME", help="The scenario's name, typed: proof that you mean this one.")
@click.option("--as", "contact", metavar="CONTACT", help="Which contact starts it, where no contact names your account: for four_eyes.")
@click.option("--report", "report_dir", type=click.Path(path_type=Path), help="Where to write the report.  [default: reports/<drill>]")
@click.option("--manual", is_flag=True, help="Sandbox: wait for your answers in `drill sandbox phone` or `drill ack`.")
@click.option(
    "--phone",
    type=click.Choice(["auto", "manual", "silent", "once"]),
    default="auto",
    show_default=True,
    help="Sandbox: how the virtual phone answers; `once` answers the first gate and then falls silent.",
)
@click.option("--keep", is_flag=True, help="Sandbox: leave it running afterwards.")
@click.option("--queue", is_flag=True, help="Leave the drill to a `drill serve` and return at once.")
@click.option("--junit", type=click.Path(path_type=Path), help="Dry run: write a JUnit file as well.")
@click.option("--strict", is_flag=True, help="Dry run: what was skipped for lack of credentials or secrets is an error.")
@click.option("--json", "as_json", is_flag=True, help="One fact a line instead of the live view.")
def command(scenarios: tuple[Path, ...], *, dry_run: bool, drill_id: str | None, as_json: bool, **options: object) -> int:
    r"""Run a drill of a scenario and leave with its verdict.

    \b
    Exit codes: 0 objectives met, 1 missed or unmeasured, 2 invalid, 3 refused before anything was touched,
    4 declined, failed or aborted and undone, 5 on hold or a person is needed, 6 record broken, 130 stopped.

    Where a `drill serve` runs, it plays the drill and this command follows it. Ctrl-C aborts the drill in order either way; a second one
    leaves at once.

    \b
    Examples:
      drill run scenarios/sandbox-region-outage.yaml
      drill run scenarios/sandbox-region-outage.yaml --manual --id friday
      drill run --dry-run scenarios/
    """
    if dry_run:
        from drill.cli.dry_run import dry_run_all

        strict = bool(options["strict"])
        return dry_run_all(scenarios, _texts(options["overrides"]), as_json=as_json, junit=_path(options["junit"]), strict=strict)
    if len(scenarios) != 1:
        raise click.UsageError("a drill runs one scenario; several are accepted with --dry-run only")
    return _run(scenarios[0], drill_id, as_json=as_json, options=options)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()


def _path(value: object) -> Path | None:
    return value if isinstance(value, Path) else None


def _run(scenario: Path, drill_id: str | None, *, as_json: bool, options: dict[str, object]) -> int:
    from drill.cli.leave import leave_to_servers, refuse_what_servers_cannot
    from drill.cli.look import open_records
    from drill.cli.person import user_name
    from drill.cli.play import play
    from drill.model.plan import Mode
    from drill.model.starter import refuse_two_eyes, starter_named
    from drill.settings import Settings
    from drill.wiring.dry_runs import refuse_unrehearsed
    from drill.wiring.leases import SiteLease
    from drill.wiring.locks import refuse_if_held
    from drill.wiring.plans import compile_file
    from drill.wiring.rooms import refuse_unfit_places
    from drill.wiring.serving import is_served
    from drill.wiring.sessions import plan_drill

    plan = compile_file(scenario, _texts(options["overrides"]))
    refuse_unfit_places(Settings.load(), reports=_path(options["report_dir"]))
    _allow_live(plan, live=bool(options["live"]), confirm=options["confirm"])
    user, said = user_name(), options["contact"]
    starter = starter_named(plan, user=user, said=said if isinstance(said, str) else None)
    refuse_two_eyes(plan, starter=starter, started_by=user)
    records = open_records()
    refuse_unrehearsed(records.settings, scenario, _texts(options["overrides"]))
    drill = records.new_id(plan.scenario, drill_id)
    served = is_served(records)
    phone, queue = "manual" if options["manual"] else str(options["phone"]), bool(options["queue"])
    report_dir, keep = _path(options["report_dir"]), bool(options["keep"])
    if served or queue:
        refuse_what_servers_cannot(keep=keep, report=report_dir is not None, queue=queue, phone=phone)
    else:
        refuse_if_held(records.settings)
    SiteLease(records, drill, plan).refuse_if_taken()
    played = plan.mode is Mode.SANDBOX and phone in {"auto", "once"}
    plan_drill(records, drill, plan, started_by=user, auto_answered=played, starter=starter)
    if served or queue:
        return leave_to_servers(records, drill, as_json=as_json, follow=not queue, report_dir=report_dir, ours=True)
    return play(records, drill, as_json=as_json, report_dir=report_dir, phone=phone, keep=keep)


def _allow_live(plan: Plan, *, live: bool, confirm: object) -> None:
    from drill.model.errors import UnsafePlan
    from drill.model.plan import Mode

    if plan.mode is not Mode.LIVE:
        if live:
            click.echo(f"note: --live changes nothing here: {plan.scenario} runs in the sandbox and touches no real site", err=True)
        return
    if not live:
        raise UnsafePlan(
            "this scenario touches real sites.", code="P001", fix=f"Run it with --live --confirm {plan.scenario}, or with --dry-run."
        )
    if confirm is None and sys.stdin.isatty():
        confirm = click.prompt(f"Type the scenario's name to touch real sites ({plan.scenario})")
    if confirm != plan.scenario:
        raise UnsafePlan(f"{confirm!r} is not the scenario's name.", code="P002", fix=f"Type --confirm {plan.scenario}.")
