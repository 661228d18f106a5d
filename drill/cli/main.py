"""The `drill` command: finds the subcommand without importing anything heavy, and turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from drill import __version__
from drill.model.errors import DrillError, JournalBroken, PreflightFailed, ScenarioInvalid, StepError, UnsafePlan

EXIT_USAGE, EXIT_REFUSED, EXIT_FAILED, EXIT_BROKEN, EXIT_STOPPED = 2, 3, 4, 6, 130


@dataclass(frozen=True)
class _Entry:
    module: str
    attribute: str
    help: str
    hidden: bool = False


_COMMANDS = {
    "check": _Entry("drill.cli.check", "command", "Find every error in scenario files."),
    "plan": _Entry("drill.cli.plan", "command", "Show what a scenario would do; write nothing."),
    "doctor": _Entry("drill.cli.doctor", "command", "Look whether a drill could run now; touch nothing."),
    "run": _Entry("drill.cli.run", "command", "Run a drill."),
    "resume": _Entry("drill.cli.resume", "resume", "Go on with a drill whose engine died."),
    "abort": _Entry("drill.cli.resume", "abort", "Stop a drill and take back what it did."),
    "hold": _Entry("drill.cli.resume", "hold", "Stop a drill where it stands; a person chooses the way on."),
    "proceed": _Entry("drill.cli.resume", "proceed", "Go on with a drill on hold."),
    "failback": _Entry("drill.cli.resume", "failback", "Bring a drill on hold home."),
    "retry": _Entry("drill.cli.settle", "retry", "Try a step again that waits for your decision."),
    "skip": _Entry("drill.cli.settle", "skip", "Go on without a step that waits for your decision."),
    "ack": _Entry("drill.cli.answer", "ack", "Answer yes to a gate."),
    "decline": _Entry("drill.cli.answer", "decline", "Answer no to a gate."),
    "status": _Entry("drill.cli.look", "status", "Say where a drill stands."),
    "show": _Entry("drill.cli.look", "show", "Show a drill's phases, steps, messages and answers."),
    "list": _Entry("drill.cli.look", "list_drills", "List past and running drills."),
    "watch": _Entry("drill.cli.watch", "watch", "Follow a running drill."),
    "logs": _Entry("drill.cli.look", "logs", "Print a drill's facts and kept tool output."),
    "report": _Entry("drill.cli.report", "report", "Render a drill's report."),
    "verify": _Entry("drill.cli.report", "verify", "Check that a record was not altered."),
    "serve": _Entry("drill.cli.serve", "command", "Play queued and scheduled drills, beside other servers."),
    "probe": _Entry("drill.cli.probe", "command", "Ask a drill's probes from another host."),
    "sms": _Entry("drill.cli.sms", "command", "Prepare text messages with the provider."),
    "schedule": _Entry("drill.cli.schedule", "command", "Say when scheduled drills run next."),
    "sandbox": _Entry("drill.cli.sandbox", "command", "Start, stop and look at the two-region sandbox."),
    "schema": _Entry("drill.cli.schema", "command", "Print the JSON Schema of scenario files."),
    "init": _Entry("drill.cli.init", "command", "Write a first scenario to start from."),
    "completion": _Entry("drill.cli.completion", "command", "Print shell completion for bash, zsh or fish."),
    "version": _Entry("drill.cli.completion", "version", "Print the version."),
    "dead-man": _Entry("drill.cli.dead_man", "command", "End an outage whose engine is gone (started by the engine).", hidden=True),
    "observe": _Entry("drill.cli.observe", "command", "Take a drill's samples (started by the engine).", hidden=True),
}


class _Lazy(click.Group):
    """A group that imports a subcommand only to run it or to print its own help."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        entry = _COMMANDS.get(name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.{entry.attribute} is not a command")
        _keep_lines(command)
        return command

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:  # the reader of our output left early, as `head` does; click would call that exit 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in _COMMANDS.items() if not entry.hidden])

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            context.fail(f"no command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(context, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="drill")
def cli() -> None:
    r"""Rehearse the loss of a region and measure whether the business comes back in time.

    \b
    Example:
      drill run scenarios/sandbox-region-outage.yaml
    """


def _keep_lines(command: click.Command) -> None:
    """Turn the mark of a paragraph whose lines stay as they are into the character click knows: raw docstrings hold it as two."""
    command.help = (command.help or "").replace("\\b\n", "\b\n")
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        _keep_lines(each)


_keep_lines(cli)


def exit_code_of(error: DrillError) -> int:
    """The documented exit code of an error that ended a command."""
    table: Sequence[tuple[type[DrillError], int]] = (
        (ScenarioInvalid, EXIT_USAGE),
        (UnsafePlan, EXIT_REFUSED),
        (PreflightFailed, EXIT_REFUSED),
        (StepError, EXIT_FAILED),
        (JournalBroken, EXIT_BROKEN),
    )
    return next((code for kind, code in table if isinstance(error, kind)), EXIT_USAGE)


def _open_closed_streams() -> None:
    """Put the null device where a standard stream is closed; else the next file we open would take its number, and its output."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _say_what_can_be_said() -> None:
    """A stream that cannot write every character shows a question mark for it instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")


def main() -> None:
    """Run the command line and leave with its exit code."""
    _open_closed_streams()
    _say_what_can_be_said()
    as_json = "--json" in sys.argv
    try:
        code = cli.main(prog_name="drill", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(EXIT_STOPPED)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except DrillError as error:
        _say(error, as_json=as_json)
        sys.exit(exit_code_of(error))
    except Exception as error:  # noqa: BLE001 - the last net: a bug of ours becomes a report, never a bare traceback
        sys.exit(_report_bug(error))


def _say(error: DrillError, *, as_json: bool) -> None:
    findings = error.findings if isinstance(error, ScenarioInvalid) else ()
    if as_json:
        rows = [finding.__dict__ for finding in findings]
        click.echo(json.dumps({"error": {"code": error.code, "what": error.what, "fix": error.fix, "findings": rows}}, ensure_ascii=False))
        return
    for finding in findings:
        click.echo(str(finding), err=True)
    if not findings:
        click.echo(f"error: {error}", err=True)


def _report_bug(error: Exception) -> int:
    import hashlib
    import tempfile

    from drill.settings import without_secrets

    text = without_secrets("".join(traceback.format_exception(error)))
    report_id = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = Path(tempfile.gettempdir()) / f"drill-bug-{report_id}.txt"
    try:
        path.touch(mode=0o600)
        path.write_text(f"drill {__version__}\n{text}", encoding="utf-8")
        where = f"details are in {path}"
    except OSError as unwritten:  # a full disk may well be why we are here
        where = f"its details could not be kept in {path}: {unwritten.strerror}"
    what = without_secrets(f"{type(error).__name__}: {error}".partition("\n")[0])
    click.echo(f"error: [D900] a bug of ours: {what}. Please report {report_id}; {where}.", err=True)
    return EXIT_BROKEN


if __name__ == "__main__":
    main()
