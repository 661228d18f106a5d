"""Numbers, codes and secrets planted in a real drill: found on no disk, in no output and in no process."""

from __future__ import annotations

import base64
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from drill.sandbox.layout import home_mark
from drill.sandbox.phone import Phone
from drill.sandbox.world import Sandbox
from tests.adapters.channel_servers import answering, free_port
from tests.e2e.needles import Needles, ProcessWatch, contents
from tests.e2e.place import PROJECT, SCENARIO, Engine, Place, eventually, new_place

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

DRILL = "private"
LEAD, LEAD_TOO, ONCALL, MANAGER = "13900004711", "13900004722", "13900004733", "13900004744"
FORMATS = ("html", "json", "junit", "markdown", "facts")


@dataclass
class Story:
    """One drill with everything planted, and what was seen of it."""

    place: Place
    needles: Needles
    sandbox: Sandbox
    watch: ProcessWatch
    whole: bool
    """Played to its end; else declined at the first question."""
    exit_code: int = -1
    printed: dict[str, str] = field(default_factory=dict)
    """What each command printed, errors included."""
    remnants: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", params=["declined", pytest.param("whole", marks=pytest.mark.sweep)])
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    """A drill with refused numbers, unreadable answers of the provider, wrong codes, dead channels, and answers by text."""
    place, closed = new_place(), ExitStack()
    try:
        chat = closed.enter_context(answering({"error": "no"}, status=403))
        assert place.drill("sandbox", "up", "--phone", "manual").returncode == 0
        sandbox = place.sandbox()
        place.secrets = _planted(sandbox, chat.url)
        needles = Needles(_looked_for(place.secrets))
        with ProcessWatch(needles, home_mark(place.home)) as watch:
            told = Story(place, needles, sandbox, watch, whole=request.param == "whole")
            _drill(told)
            _failures(told)
        _look_at_results(told)
        spared = [sandbox.layout.carrier, *(sandbox.layout.region(name) / "data" for name in ("a", "b"))]
        told.remnants = needles.in_files([place.home, place.base / "reports", place.scratch, sandbox.layout.state], spared=spared)
        yield told
    finally:
        closed.close()
        place.clear()


def _planted(sandbox: Sandbox, chat: str) -> dict[str, str]:
    dsn = f"{sandbox.secrets['CANARY_DSN']} password=canary-dsn-51c7"
    named = {
        "LEAD_PHONE": LEAD,
        "LEAD_PHONE_2": f"+86{LEAD_TOO}",
        "ONCALL_PHONE": ONCALL,
        "MANAGER_PHONE": MANAGER,
        "LEAD_MAIL": "canary.lead@example.com",
        "CANARY_DSN": dsn,
        "CHAT_URL": f"{chat}/hook?token=canary-token-9d1e",
        "CHAT_KEY": "canary-chat-key-77aa",
        "SMS_KEY_SECRET": sandbox.secrets["SMS_KEY_SECRET"],
        "NOBODYS": "canary-nobodys-3b3b",
    }
    return {f"DRILL_SECRET_{name}": value for name, value in named.items()} | {"AWS_SECRET_ACCESS_KEY": "canary-aws-key-0c0c"}


def _looked_for(planted: dict[str, str]) -> dict[str, str]:
    values = {name.removeprefix("DRILL_SECRET_"): value.removeprefix("+86") for name, value in planted.items()}
    return values | {
        "CANARY_DSN": "canary-dsn-51c7",
        "CHAT_URL": "canary-token-9d1e",
        "BAD_DSN": "canary-bad-88ee",
        "URL": "canary-url-66dd",
    }


def _scenario(place: Place) -> Path:
    body = yaml.safe_load((PROJECT / SCENARIO).read_text(encoding="utf-8"))
    body["contacts"]["lead"] |= {
        "sms": ["secret:LEAD_PHONE", "secret:LEAD_PHONE_2"],
        "email": "secret:LEAD_MAIL",
        "channels": ["chat", "sms", "mail"],
    }
    body["contacts"]["manager"]["channels"] = ["chat", "sms"]
    body["messages"]["channels"] = {
        "chat": {"webhook": {"url": "secret:CHAT_URL", "secret": "secret:CHAT_KEY"}},
        "mail": {"smtp": {"host": "127.0.0.1", "port": free_port(), "tls": "none", "from": "drill@example.com"}},
    }
    path = place.base / "planted.yaml"
    path.write_text(yaml.safe_dump(body, allow_unicode=True), encoding="utf-8")
    return path


def _drill(story: Story) -> None:
    place, phone = story.place, Phone(story.sandbox.layout.carrier)
    phone.order_fault("SendSms", "reject", code="isv.MOBILE_NUMBER_ILLEGAL", message=f"{LEAD}invalid mobile number")
    phone.order_fault("SendSms", "garbage")
    engine = place.start("run", str(_scenario(place)), "--id", DRILL, "--manual", "--keep")
    story.watch.roots.add(engine.process.pid)
    _answer_all(story, phone, engine)
    story.exit_code = engine.ended()
    story.printed["run"] = "\n".join(map(str, engine.facts)) + engine.errors.read_text(encoding="utf-8")


def _answer_all(story: Story, phone: Phone, engine: Engine) -> None:
    """Answer every question by text, the first one wrongly before; what was asked meanwhile is kept as codes to look for."""
    seen = 0
    while engine.process.poll() is None:
        texts = phone.messages(after=seen, wait_s=0.5)
        seen += len(texts)
        for text in texts:
            if text.code is None:
                continue
            if not story.needles.codes:
                wrong = "9" * len(text.code) if not text.code.startswith("9") else "8" * len(text.code)
                phone.reply(text.number, f"1 {wrong}")
                engine.fact("ReplyRejected", reason="wrong-code")
            story.needles.codes.add(text.code)
            phone.reply(text.number, f"{1 if story.whole else 2} {text.code}")


def _failures(story: Story) -> None:
    """Things that go wrong with a secret in hand."""
    place = story.place
    good, bad = dict(place.secrets), "host=127.0.0.1 password=canary-bad-88ee canary-bad-88ee"
    code = next(iter(story.needles.codes), "4821")
    story.printed["ack"] = _said(place, "ack", DRILL, "--as", "lead", typed=code)
    for name, url in (("dead", "postgresql+psycopg://u:canary-url-66dd@127.0.0.1:1/x"), ("odd", "postgresql://u:canary-url-66dd@h:port/x")):
        place.secrets = {**good, "DRILL_DATABASE_URL": url}
        story.printed[f"list {name}"] = _said(place, "list")
    if story.whole:
        place.secrets = {**good, "DRILL_SECRET_CANARY_DSN": bad}
        story.printed["bad dsn"] = _said(place, "run", SCENARIO, "--id", "bad-dsn", "--manual", "--keep")
    place.secrets = {**good, "DRILL_SECRET_LEAD_PHONE": "canary-bad-88ee"}
    story.printed["bad number"] = _said(place, "sms", "try", SCENARIO)
    place.secrets = good


def _look_at_results(story: Story) -> None:
    formats = FORMATS if story.whole else ("markdown",)
    for words in (["show"], ["status"], ["logs"], ["list"], *(["report", "--format", each] for each in formats)):
        command, *options = words
        names = [] if command == "list" else [DRILL]
        story.printed[" ".join(words)] = _said(story.place, command, *names, *options)


def _said(place: Place, *words: str, typed: str = "") -> str:
    done = place.drill(*words, typed=typed)
    return done.stdout + done.stderr


def test_the_drill_with_everything_planted_has_really_been_played(story: Story) -> None:
    facts = story.place.facts(DRILL)
    channels = {(fact["data"]["channel"], fact["data"]["state"]) for fact in facts if fact["kind"] == "MessageSent"}

    assert story.exit_code in ({0, 1} if story.whole else {4}), story.printed["run"][-1000:]
    assert len(story.needles.codes) >= (4 if story.whole else 1)
    assert {("sms", "rejected"), ("sms", "accepted"), ("chat", "rejected")} <= channels
    assert "MOBILE_NUMBER_ILLEGAL" in story.printed["run"]


def test_nothing_planted_is_on_any_disk(story: Story) -> None:
    assert story.remnants == []


def test_nothing_planted_is_printed_by_any_command(story: Story) -> None:
    found = {command: names for command, said in story.printed.items() if (names := story.needles.in_text(said))}

    assert found == {}


def test_nothing_planted_shows_in_the_process_list_or_in_the_environment_of_a_child(story: Story) -> None:
    kinds = ["drill.cli.main observe", "drill.sandbox.supervisor", "drill.sandbox.carrier"]
    kinds += ["drill.cli.main dead-man", "terraform", "ansible-playbook", "control.py"] if story.whole else []

    assert story.watch.found() == set()
    assert [kind for kind in kinds if not any(kind in words for words in story.watch.seen)] == []


def test_the_failures_were_real_and_were_told(story: Story) -> None:
    failed = [name for name in ("list dead", "list odd", "ack", "bad dsn") if name in story.printed]

    assert all("error: [" in story.printed[name] for name in failed), story.printed
    assert "canary-" not in "".join(story.printed[name] for name in failed)
    assert "rejected" in story.printed["bad number"]
    assert "Traceback" not in "".join(story.printed.values())


def test_the_sandbox_of_the_drill_is_taken_down(story: Story) -> None:
    assert story.place.drill("sandbox", "down").returncode == 0
    assert eventually(lambda: not story.place.remains(), within_s=15), story.place.remains()


@pytest.mark.parametrize(
    ("name", "blob"),
    [
        ("plain.txt", b"call 13900004711 now"),
        ("spaced.txt", b"139-0000-4711"),
        ("abroad.txt", b"+8613900004711"),
        ("query.txt", b"PhoneNumbers=%2B8613900004711"),
        ("base64.txt", b"xx" + base64.b64encode(b"ab13900004711cd")),
        ("hex.txt", b"13900004711".hex().encode()),
        ("code.json", b'{"typed": "4821"}'),
        ("answer.log", b"got: 1 4821"),
        ("asked.txt", "核实码4821。".encode()),
    ],
)
def test_the_search_finds_what_is_planted(name: str, blob: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(blob)

    assert Needles({"LEAD": LEAD}, {"4821"}).in_files([tmp_path])


@pytest.mark.parametrize("blob", [b'{"pid": 4821, "mono_s": 12.4821}', b"2026-11-23T10:00:00.482100Z", b"139****4711"])
def test_the_search_takes_no_other_number_for_a_code(blob: bytes) -> None:
    assert Needles({"LEAD": LEAD}, {"4821"}).in_text(blob) == []


def test_the_search_looks_into_databases_and_archives(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.sqlite") as connection:
        connection.execute("create table t (v text)")
        connection.execute("insert into t values (?)", ["x" * 9000 + LEAD])
    connection.close()
    with zipfile.ZipFile(tmp_path / "plan", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("state", "y" * 500 + LEAD)

    found = Needles({"LEAD": LEAD}).in_files([tmp_path])

    assert {line.partition(": ")[0] for line in found} == {str(tmp_path / "a.sqlite"), str(tmp_path / "plan")}
    assert len(list(contents(tmp_path / "a.sqlite"))) == 2
