"""`drill ack` and `drill decline`: the rules of a text message, from a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drill.engine.people import People
from drill.model.events import Draft, Fact, Kind, stamp
from drill.model.progress import Progress
from drill.settings import Settings
from tests.cli.conftest import Drill, journal
from tests.engine.drilling import NUMBERS
from tests.fakes import FakeSecrets
from tests.model.story_plan import sandbox_plan

NAME = "friday"


@pytest.fixture
def code(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A drill that waits at `go` for the lead; the code the lead was sent."""
    for name, number in NUMBERS.items():
        monkeypatch.setenv(f"DRILL_SECRET_{name}", number)
    plan, now = sandbox_plan(), datetime.now(UTC)
    asked = {"gate": "go", "phases": ["go"], "contacts": ["lead"], "deadline": stamp(now + timedelta(minutes=5)), "within_s": 300.0}
    rows: list[tuple[Kind, str, dict[str, Any]]] = [
        (Kind.DRILL_PLANNED, "planned", {"plan": plan.model_dump(mode="json"), "plan_digest": plan.digest(), "started_by": "sre"}),
        (Kind.DRILL_STARTED, "started", {}),
        (Kind.ACKNOWLEDGEMENT_REQUESTED, "go/requested", asked),
    ]
    journal().append(NAME, [Draft(kind, "engine", key, data, now, 1.0, "boot/1") for kind, key, data in rows])
    assert home.exists()
    people = People(plan, drill=NAME, secrets=FakeSecrets(NUMBERS), key=Settings.load().reply_key())
    return people.code(plan.gate("go"), "lead")


def facts(*kinds: Kind) -> list[Fact]:
    return journal().read(NAME, kinds=frozenset(kinds))


def test_a_yes_with_the_code_counts(drill: Drill, code: str) -> None:
    said = drill("ack", NAME, "go", "--as", "lead", typed=code)

    assert (said.code, said.out) == (0, "counted: lead said yes to go\n")
    assert (facts(Kind.REPLY_RECEIVED)[0].data["channel"], facts(Kind.REPLY_RECEIVED)[0].by) == ("cli", "person:lead")


def test_a_no_with_the_code_counts_and_asks_to_stop(drill: Drill, code: str) -> None:
    said = drill("decline", "--as", "lead", "--code", "-", "--json", typed=f" {code} ")

    assert said.json() == {"counted": True, "gate": "go", "gates": ["go"]}
    assert facts(Kind.ABORT_REQUESTED)[0].data["reason"] == "lead said no to go"


def test_a_yes_with_the_code_of_a_joint_text_names_each_gate(drill: Drill, code: str) -> None:
    assert code
    plan, now = sandbox_plan(), datetime.now(UTC)
    other = next(gate for gate in plan.gates if gate.id != "go" and not gate.by_hand)
    asked = {"gate": other.id, "phases": list(other.phases), "contacts": ["lead"], "within_s": 300.0}
    asked["deadline"] = stamp(now + timedelta(minutes=5))
    journal().append(NAME, [Draft(Kind.ACKNOWLEDGEMENT_REQUESTED, "engine", f"{other.id}/requested", asked, now, 2.0, "boot/1")])
    people = People(plan, drill=NAME, secrets=FakeSecrets(NUMBERS), key=Settings.load().reply_key())
    shared = people.shared_codes(Progress().apply(journal().read(NAME)))[other.id, "lead"]

    said = drill("ack", NAME, "--as", "lead", typed=shared)

    assert (said.code, said.out) == (0, f"counted: lead said yes to go and {other.id}\n")


def test_a_wrong_code_does_not_count_and_says_what_to_use(drill: Drill, code: str) -> None:
    wrong = "111111" if code != "111111" else "222222"

    said = drill("ack", NAME, "go", "--as", "lead", typed=wrong)

    assert said.code == 2
    assert "[U017] the answer does not count: wrong-code." in said.err
    assert not facts(Kind.REPLY_RECEIVED)


def test_an_answer_that_does_not_count_leaves_one_json_object_for_machines(drill: Drill, code: str) -> None:
    drill("ack", "--as", "lead", typed=code)

    said = drill("ack", "--as", "lead", "--json", typed=code)

    assert said.code == 2
    assert said.json()["error"]["code"] == "U017"
    assert "duplicate" in said.json()["error"]["what"]


@pytest.mark.usefixtures("code")
def test_only_contacts_of_the_drill_can_answer(drill: Drill) -> None:
    said = drill("ack", NAME, "--as", "mallory", typed="123456")

    assert said.code == 2
    assert "[U015] 'mallory' is no contact of this drill. Its contacts are: oncall, lead, manager." in said.err


@pytest.mark.usefixtures("code")
def test_a_phase_without_a_gate_cannot_be_answered(drill: Drill) -> None:
    said = drill("ack", NAME, "release", "--as", "lead", typed="123456")

    assert said.code == 2
    assert "[U016] 'release' has no gate. Gates are: go, outage, recover, traffic." in said.err


@pytest.mark.parametrize("command", ["ack", "decline"])
def test_a_code_in_the_command_is_refused_since_the_process_list_shows_it(drill: Drill, code: str, command: str) -> None:
    said = drill(command, NAME, "go", "--as", "lead", "--code", code)

    assert said.code == 2
    assert "[U040]" in said.err
    assert code not in said.err
    assert not facts(Kind.REPLY_RECEIVED)


def test_a_code_is_never_written_down(drill: Drill, code: str) -> None:
    drill("ack", NAME, "--as", "lead", typed=code)

    assert code not in "".join(str(fact.row()["data"]) for fact in facts(*Kind))
