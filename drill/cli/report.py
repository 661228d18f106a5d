"""`drill report` and `drill verify`: render a result again, and check that a record was not altered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from drill.cli.completing import drills
from drill.model.errors import JournalBroken, UsageError
from drill.model.events import Fact, check_chain, fact_from_row

if TYPE_CHECKING:
    from drill.model.report import Report

Language = Literal["both", "en", "zh"]


@click.command()
@click.argument("drill", required=False, metavar="[DRILL]", shell_complete=drills)
@click.option("--format", "form", type=click.Choice(["html", "json", "junit", "markdown", "facts"]), default="html", show_default=True)
@click.option("--lang", type=click.Choice(["both", "en", "zh"]), default="both", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here.  [default: standard output]")
def report(drill: str | None, form: str, lang: Language, output: Path | None) -> None:
    r"""Render a drill's report from its journal, as of now.

    \b
    Example:
      drill report my-drill --format markdown --lang zh
    """
    from drill.adapters.report_files import write_whole
    from drill.cli.look import open_to_look
    from drill.wiring.trust import trusted_facts

    records = open_to_look()
    drill = records.known(drill)
    facts = trusted_facts(records, drill)
    text = _facts(facts) if form == "facts" else _writer(form, lang)(records.report(drill, facts))
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        write_whole(output, text)
        click.echo(f"wrote {output}", err=True)


def _writer(form: str, lang: Language) -> Callable[[Report], str]:
    from drill.views.html import render_html
    from drill.views.jsonview import render_json
    from drill.views.junit import render_junit
    from drill.views.markdown import render_markdown

    writers: dict[str, Callable[[Report], str]] = {
        "html": lambda result: render_html(result, lang=lang),
        "json": render_json,
        "junit": render_junit,
        "markdown": lambda result: render_markdown(result, lang="zh" if lang == "zh" else "en"),
    }
    return writers[form]


def _facts(facts: list[Fact]) -> str:
    return "".join(json.dumps(fact.row(), ensure_ascii=False) + "\n" for fact in facts)


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def verify(path: Path, *, as_json: bool) -> None:
    r"""Recompute the digest chain of a facts.jsonl (or a report's directory) and compare it with report.json beside it.

    \b
    Example:
      drill verify reports/my-drill
    """
    file = path / "facts.jsonl" if path.is_dir() else path
    rows = _read(file)
    seq, digest = check_chain(rows)
    beside = file.with_name("report.json")
    if beside.exists():
        facts, head = _evidence(beside)
        if (facts, head) != (seq, digest):
            raise JournalBroken(
                f"{beside.name} tells of {facts} facts ({head[:12]}), there are {seq} ({digest[:12]}).",
                code="J006",
                fix="One of the two was altered or cut: compare with the digest in the last message.",
            )
        _compare(beside, rows)
    if as_json:
        click.echo(json.dumps({"facts": seq, "head_digest": digest, "ok": True}))
    else:
        click.echo(f"{seq} facts, chain intact, head {digest}")


def _evidence(file: Path) -> tuple[int, str]:
    """How many facts a report.json tells of, and the digest of the last."""
    try:
        evidence = json.loads(file.read_text(encoding="utf-8"))["evidence"]
        return int(evidence["facts"]), str(evidence["head_digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JournalBroken(
            f"{file.name} is not a report that can be compared: {error!r}.",
            code="J006",
            fix="Render it again with `drill report --format json`, or verify facts.jsonl alone.",
        ) from error


def _compare(beside: Path, rows: Sequence[Fact]) -> None:
    """Fold the facts again and hold every figure of report.json to it; trends and the writing release are not in the facts.

    Raises: JournalBroken: a part of report.json is not what the facts tell (J009).
    """
    from drill.model.summarize import summarize

    told = json.loads(beside.read_text(encoding="utf-8"))
    folded = summarize(rows, version=str(told["evidence"].get("version"))).document()
    altered = [name for name in folded if name not in {"trend", "schema"} and told.get(name) != json.loads(json.dumps(folded[name]))]
    if altered:
        raise JournalBroken(
            f"{beside.name} is not what the facts tell: {', '.join(altered)} differ(s).",
            code="J009",
            fix="It was altered, or written by another release: render it again with `drill report --format json`.",
        )


def _read(file: Path) -> list[Fact]:
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (UnicodeDecodeError, ValueError) as error:
        raise JournalBroken(f"{file} is not one JSON object a line: {error}.", code="J003", fix="Restore it from a copy.") from error
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}.", code="U025", fix="Name a facts.jsonl or a report's directory."
        ) from error
    if not rows:
        raise JournalBroken(f"{file} holds no fact.", code="J003", fix="Restore it from a copy.")
    return [fact_from_row(row) for row in rows]
