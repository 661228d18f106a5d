"""How fast texts leave: back-off grows and is bounded, a bucket never gives more than its rate, and quotas are foreseen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drill.engine.outbox_memory import MemoryLedger
from drill.engine.quota import CAP_S, Pace, backoff_s, counted, foresee, foreseen_texts
from drill.model.plan import Plan
from drill.model.ports import OutboundMessage
from drill.model.ports_people import Limit, Way
from tests.engine.drilling import NUMBERS, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

CHANCES = st.floats(0, 1)


@given(st.integers(1, 40), CHANCES)
def test_a_wait_is_at_least_half_of_the_full_one_and_never_over_the_cap(tries: int, chance: float) -> None:
    wait_s = backoff_s(tries, chance=chance)

    assert backoff_s(tries, chance=1.0) / 2 <= wait_s <= CAP_S


@given(st.integers(1, 40), CHANCES, CHANCES)
def test_the_next_wait_is_never_shorter_than_half_of_the_last_and_doubles_in_full(tries: int, first: float, second: float) -> None:
    assert backoff_s(tries + 1, chance=second) >= backoff_s(tries, chance=first) / 2
    assert backoff_s(tries + 1, chance=1.0) == min(CAP_S, 2 * backoff_s(tries, chance=1.0))


@given(st.integers(1, 40), CHANCES, st.floats(0, 300))
def test_what_the_provider_asks_for_is_waited(tries: int, chance: float, asked_s: float) -> None:
    assert backoff_s(tries, chance=chance, asked_s=asked_s) >= asked_s


@given(st.floats(0.2, 50), st.lists(st.floats(0, 2), max_size=200))
def test_a_bucket_never_gives_more_than_its_rate_and_one_burst(per_second: float, gaps: list[float]) -> None:
    pace, way, now_s, given_at = Pace(), Way("one", per_second), 0.0, []
    for gap_s in gaps:
        now_s += gap_s
        if pace.wait_s(way, now_s=now_s) == 0:
            given_at.append(now_s)

    burst = max(1.0, per_second)
    assert all(
        index - start + 1 <= burst + (at_s - given_at[start]) * per_second + 1e-6
        for start in range(0, len(given_at), 7)
        for index, at_s in enumerate(given_at)
        if index >= start
    )


@given(st.floats(0.2, 50))
def test_who_waits_as_told_is_let_through(per_second: float) -> None:
    pace, way, now_s = Pace(), Way("one", per_second), 0.0
    while (wait_s := pace.wait_s(way, now_s=now_s)) == 0:
        pass

    assert pace.wait_s(way, now_s=now_s + wait_s + 1e-6) == 0


def test_accounts_do_not_share_a_bucket() -> None:
    pace = Pace()
    pace.wait_s(Way("one", 1.0), now_s=0.0)

    assert pace.wait_s(Way("one", 1.0), now_s=0.0) > 0
    assert pace.wait_s(Way("two", 1.0), now_s=0.0) == 0


class Limited(FakeMessenger):
    """A provider that takes so many texts of one purpose a day for a number."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def way(self, message: OutboundMessage) -> Way:
        return Way("limited", limits=(Limit(self._count, 86_400.0, message.purpose),))


GATES = (gate_of("a", then=("oncall",)), gate_of("both", phases=("b", "c")))
TOLD = [phase_of(f"t{number}", notify=("lead", "manager")) for number in range(3)]


def plan() -> Plan:
    return plan_of(phase_of("a", step_of("a.x"), gate="a"), phase_of("b", gate="both"), phase_of("c", gate="both"), *TOLD, gates=GATES)


def test_the_texts_of_a_plan_are_counted_by_person_and_kind() -> None:
    found = foreseen_texts(plan())

    assert found["lead"] == {"gate": 1, "joint": 1, "status": 3, "result": 1}
    assert found["oncall"] == {"escalation": 1, "result": 1}


def foreseen(count: int, *, sent: int = 0) -> dict[str, tuple[bool, str, str]]:
    drill, ledger, messenger = Stage(plan()), MemoryLedger(), Limited(count)
    for number in range(sent):
        message = OutboundMessage(f"m{number}", "manager", NUMBERS["MANAGER_PHONE"], "zh", "status")
        ledger.reserve(message.id, counted(drill.people, messenger.way(message), message), at_s=900.0)
    rows = foresee(drill.plan, drill.people, {"sms": messenger}, ledger, now_s=lambda: 1000.0)
    return {row.contact: (row.ok, row.detail, row.fix) for row in rows}


def test_a_plan_within_the_carriers_limits_is_fine() -> None:
    assert foreseen(3)["manager"] == (True, "3 status text(s) ahead, 0 sent in 1d, 3 allowed", "")


def test_a_plan_that_would_exceed_a_limit_says_how_much_and_what_to_do() -> None:
    ok, detail, fix = foreseen(4, sent=3)["manager"]

    assert (ok, detail) == (False, "3 status text(s) ahead, 3 sent in 1d, 4 allowed: 2 would not be taken")
    assert "white list" in fix


def test_a_person_with_another_number_only_has_it_said() -> None:
    ok, detail, _ = foreseen(2)["lead"]

    assert ok
    assert "1 will go over another number or channel" in detail


def test_a_number_is_counted_the_same_however_it_is_written_and_never_shown() -> None:
    people = Stage(plan()).people
    marks = {people.fingerprint(number, "s") for number in ("13900000001", "+8613900000001", "86 139-0000-0001")}

    assert len(marks) == 1
    assert "139" not in marks.pop()[:3]
    assert people.fingerprint("13900000001", "s") != people.fingerprint("13900000001", "other")
