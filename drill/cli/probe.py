"""`drill probe`: asks a drill's probes from another host, and takes in what such a host wrote."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drill.cli.loading import SETS
from drill.model.errors import PreflightFailed, UsageError

if TYPE_CHECKING:
    from drill.wiring.vantage_taking import Taken

_EVERY_S = 30.0
"""How often a log hears that samples are being taken; a terminal hears it every second, on one line."""

_CLOCK_S = 5.0
"""What is so far in the future was stamped by a clock that is ahead."""


@click.command(name="probe")
@click.argument("source", required=False, type=click.Path(path_type=Path, exists=True), metavar="[SCENARIO|FILE]")
@click.option("--as", "vantage", metavar="POINT", help="Which of the scenario's vantage points this host is.")
@click.option("--to", "target", metavar="URL|FILE", help="Send to `drill serve --web` at this address, or write into a new file.")
@click.option("--key-file", type=click.Path(path_type=Path, dir_okay=False), help="Holds the point's key.  [default: DRILL_PROBE_KEY]")
@click.option("--for", "for_", metavar="DURATION", help="End after so long, such as 10m.  [default: at SIGTERM]")
@click.option("--once", is_flag=True, help="End when one drill is over.")
@click.option("--spool", type=click.Path(path_type=Path, file_okay=False), help="Keeps what cannot be sent.  [default: below DRILL_HOME]")
@click.option("--resolver", default="", metavar="IP[:PORT]", help="Ask this name server.  [default: this host's own]")
@click.option("--insecure", is_flag=True, help="Show the key over plain http to a host that is not this one.")
@click.option("--take", "drill", metavar="DRILL", help="Append the samples of FILE to a drill that has not ended.")
@click.option("--json", "as_json", is_flag=True, help="Say what happens as JSON lines.")
@SETS
def command(source: Path | None, *, as_json: bool, **given: Any) -> None:
    r"""Ask a drill's user-view probes from this host, so that its users count too: the recovery time is that of the worst view.

    Over HTTP it waits for drills that name this point, samples while one runs, and needs no scenario: with one it heeds no other.
    Into a file it samples from now on; take the file in while the drill waits at a gate.
    When this host or the way fails, nothing is invented: samples that come late count by their own time, missing ones are a gap.

    \b
    Examples:
      DRILL_PROBE_KEY=… drill probe --as frankfurt --to https://drill.example.com
      drill probe scenarios/region.yaml --as frankfurt --to samples.jsonl --for 30m
      drill probe --take region-outage-20270301-020000 samples.jsonl
    """
    say = _json_lines if as_json else _Lines().say
    if given["drill"]:
        _take(source, given["drill"], as_json=as_json)
        return
    if not given["vantage"] or not given["target"]:
        raise UsageError("`drill probe` needs --as POINT and --to URL or FILE.", fix="See `drill probe --help`.")
    _sample(source, given, say)


def _sample(source: Path | None, given: dict[str, Any], say: Callable[[str, dict[str, Any]], None]) -> None:
    from drill.model.scenario_values import NAME_PATTERN
    from drill.model.written_time import parse_duration_s
    from drill.settings import probe_key
    from drill.wiring.vantage_agents import Post, Server, probe_over_http, probe_to_file, resolver_in

    try:
        for_s = parse_duration_s(given["for_"]) if given["for_"] else None
    except ValueError as error:
        raise UsageError(f"--for: {error}.", code="U058", fix="For example --for 10m.") from error
    if not re.fullmatch(NAME_PATTERN, given["vantage"]):
        raise UsageError(f"{given['vantage']!r} cannot name a vantage point.", code="U057", fix="Name it as the scenario does.")
    post = Post(given["vantage"], for_s, given["once"], resolver_in(given["resolver"]), given["spool"])
    target: str = given["target"]
    if target.startswith(("http://", "https://")):
        probe_over_http(post, Server(target, probe_key(given["key_file"]), given["insecure"]), scenario=source, tell=say)
        return
    if source is None:
        raise UsageError("to write a file, `drill probe` needs the scenario.", fix="Name it: drill probe SCENARIO --as … --to FILE.")
    probe_to_file(post, Path(target), scenario=source, sets=given["sets"], tell=say)


def _take(source: Path | None, drill: str, *, as_json: bool) -> None:
    from drill.cli.look import open_records
    from drill.wiring.trust import trusted
    from drill.wiring.vantage_taking import take_file

    if source is None:
        raise UsageError("--take needs the file of samples.", fix="drill probe --take DRILL FILE")
    records = open_records()
    found = take_file(records, trusted(records, records.known(drill)), source)
    if as_json:
        click.echo(json.dumps({"drill": drill, **found.__dict__}, ensure_ascii=False))
    else:
        _tell_taken(drill, found)
    if not found.taken:
        raise _nothing_taken(source, drill, found)


def _nothing_taken(source: Path, drill: str, found: Taken) -> PreflightFailed:
    """Why a file was no use, as far as can be told."""
    ahead = found.refused and found.ahead_s >= _CLOCK_S
    why = f": the clock of {found.vantage} is at least {found.ahead_s:.0f} s ahead of this one" if ahead else ""
    behind = f": they are from before it, or the clock of {found.vantage} is behind" if found.outside and not found.refused else ""
    fix = "Synchronise both clocks (NTP) and sample again." if ahead or behind else "See the counts; sample with the drill's own scenario."
    return PreflightFailed(f"no sample of {source} fits the drill {drill}{why}{behind}.", code="F076", fix=fix)


def _tell_taken(drill: str, found: Taken) -> None:
    click.echo(f"{found.vantage}: {found.taken} samples are in {drill}")
    for count, what in (
        (found.outside, "were taken long before the drill"),
        (found.refused, f"do not fit the drill: {found.why}"),
        (found.unreadable, "could not be read"),
    ):
        if count:
            click.echo(f"  {count} left out: they {what}")


def _json_lines(what: str, fields: dict[str, Any]) -> None:
    click.echo(json.dumps({"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "event": what, **fields}, ensure_ascii=False))
    sys.stdout.flush()


class _Lines:
    """What a person reads: one line per change, and one that counts."""

    def __init__(self) -> None:
        self._open = False
        self._counted_s = float("-inf")

    def say(self, what: str, fields: dict[str, Any]) -> None:
        """One event."""
        if what == "sampling":
            self._count(fields)
            return
        if self._open:
            click.echo()
        self._open = False
        click.echo(f"{datetime.now(UTC):%H:%M:%S} {_words(what, fields)}")
        sys.stdout.flush()

    def _count(self, fields: dict[str, Any]) -> None:
        if not sys.stdout.isatty() and time.monotonic() - self._counted_s < _EVERY_S:
            return
        self._counted_s = time.monotonic()
        text = _counts(fields)
        if sys.stdout.isatty():
            click.echo(f"\r{text:<100}", nl=False)
            self._open = True
        else:
            click.echo(f"{datetime.now(UTC):%H:%M:%S} {text}")
        sys.stdout.flush()


def _counts(fields: dict[str, Any]) -> str:
    parts = [f"{fields['taken']} samples", f"{fields['failed']} failed"]
    parts += [f"{fields['sent']} sent"] if "sent" in fields else []
    parts += [f"{fields[name]} {words}" for name, words in _SELDOM.items() if fields.get(name)]
    return ", ".join(parts)


_SELDOM = {"kept": "batches kept until the server is back", "refused": "refused", "blind": "left out: this host was in trouble itself"}


def _words(what: str, fields: dict[str, Any]) -> str:
    why = f": {fields['why']}" if fields.get("why") else ""
    if what == "order":
        return f"sampling {', '.join(fields['probes'])} for {fields['drill']}"
    if what == "over":
        return f"{fields.get('drill', 'the drill')} is over ({_counts(fields)})" if "taken" in fields else "the drill is over"
    if what == "stopped":
        return f"stopped sampling for {fields['drill']} ({_counts(fields)})"
    if "written" in fields:
        return f"ended: {fields['written']} samples written"
    if what == "ended":
        kept = f", {fields['kept']} batches kept for the next time" if fields["kept"] else ""
        lost = f", {fields['lost']} batches lost" if fields["lost"] else ""
        return f"ended: {fields['sent']} samples delivered{kept}{lost}"
    return {
        "nothing": "waiting for a drill",
        "unknown": "the server knows no such vantage point yet, or not this key; asking again",
        "away": f"the server is away{why}; asking again, and keeping what is sampled",
        "back": "the server answers",
        "taken": f"the server left samples out{why}",
        "refused": f"the server refused a batch{why}",
        "dropped": f"{fields.get('batches')} kept batches are lost{why}",
        "given up": f"no word about {fields.get('drill')} for an hour: sampling no longer, {fields.get('batches')} batches kept",
        "kept": f"{fields.get('batches')} batches of an earlier run wait to be sent",
    }.get(what, what)
