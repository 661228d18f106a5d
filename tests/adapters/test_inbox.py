"""The inbox keeps what carriers deliver: once, sealed, in order, until every drill it may concern has dealt with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drill.adapters.inbox_aliyun import read_item
from drill.adapters.inbox_seal import Seal, derived_path
from drill.adapters.inbox_sql import SqlInbox, inbox_file
from drill.model.errors import JournalBroken
from drill.model.ports import InboundMessage, Receipt

KEY = b"k" * 32
SENT = datetime(2026, 11, 24, 9, 0, 0, tzinfo=UTC)
LEAD = "+8613900000001"


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, open_sql: Callable[[str], sa.Engine]) -> Iterator[sa.Engine]:
    own = inbox_file(tmp_path / "inbox.sqlite") if request.param == "sqlite" else open_sql("postgres")
    yield own
    own.dispose()


@pytest.fixture
def inbox(engine: sa.Engine) -> SqlInbox:
    return open_inbox(engine)


def open_inbox(engine: sa.Engine, *, world: str = "w", key: bytes = KEY) -> SqlInbox:
    return SqlInbox(engine, Seal(key), world=world)


def answer(text: str, *, address: str = LEAD, at: datetime | None = SENT, sequence: str = "", id: str = "") -> InboundMessage:  # noqa: A002
    return InboundMessage(id, address, text, at, "", sequence)


def texts(inbox: SqlInbox, drill: str = "d") -> list[str]:
    return [kept.message.text for kept in inbox.read(drill, 1000) if kept.message]


def age(engine: sa.Engine, seconds: float) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("update inbox set stored_s = stored_s - :s"), {"s": seconds})


def test_what_was_stored_comes_out_whole_and_in_order(inbox: SqlInbox) -> None:
    inbox.enter("d")
    inbox.store([answer("1 4821", sequence="77"), answer("确认 4821 👍")])
    inbox.store([InboundMessage("", LEAD, "", None, "", receipt=Receipt("d:x", "failed", "USER_REJECT"))])

    first, second, third = (kept.message for kept in inbox.read("d", 10))

    assert first
    assert second
    assert third
    assert (first.address, first.text, first.sent_at, first.sequence) == (LEAD, "1 4821", SENT, "77")
    assert second.text == "确认 4821 👍"
    assert third.receipt == Receipt("d:x", "failed", "USER_REJECT")


def test_the_same_answer_over_queue_and_push_is_kept_once_whatever_each_calls_it(inbox: SqlInbox) -> None:
    inbox.enter("d")

    assert inbox.store([answer("1 4821", id="QUEUE-1", sequence="1732438800123456.0")]) == 1
    assert inbox.store([answer("1 4821", id="", sequence="1732438800123456")]) == 0
    assert inbox.store([answer("1 4821", at=SENT + timedelta(seconds=60), sequence="1732438800123456")]) == 0, "pushed again later"
    assert inbox.store([answer("1 4821", sequence="")]) == 0, "an old page without numbers"

    assert texts(inbox) == ["1 4821"]


def test_the_same_words_at_another_time_by_another_person_or_of_another_number_are_another_answer(inbox: SqlInbox) -> None:
    inbox.enter("d")
    others = [
        answer("1"),
        answer("1", at=SENT + timedelta(seconds=1)),
        answer("1", address="+8613900000002"),
        answer("2"),
        answer("1", at=None, id="a"),
        answer("1", at=None, id="b"),
    ]

    assert inbox.store(others) == len(others)


def test_a_queue_number_that_lost_its_last_digits_names_the_same_answer(inbox: SqlInbox) -> None:
    pushed = read_item({"phone_number": "13900000001", "content": "1", "sequence_id": "12345678901234567890"})
    queued = read_item({"phone_number": "13900000001", "content": "1", "sequence_id": 1.2345678901234567e19})

    assert pushed
    assert queued
    assert (inbox.store([pushed]), inbox.store([queued])) == (1, 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("123"), st.integers(0, 3), st.sampled_from([LEAD, "+8613900000002"])), max_size=12), st.data())
def test_however_deliveries_are_cut_repeated_and_mixed_each_answer_is_kept_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, str]], data: st.DataObject
) -> None:
    engine = inbox_file(tmp_path_factory.mktemp("box") / "inbox.sqlite")
    inbox = open_inbox(engine)
    inbox.enter("d")
    messages = [answer(text, at=SENT + timedelta(seconds=second), address=number) for text, second, number in rows]
    again = data.draw(st.lists(st.sampled_from(messages), max_size=12)) if messages else []
    mixed = data.draw(st.permutations([*messages, *again]))

    fresh = 0
    while mixed:
        cut = data.draw(st.integers(1, len(mixed)))
        fresh += inbox.store(mixed[:cut])
        mixed = mixed[cut:]

    assert fresh == len(set(rows)) == len(inbox.read("d", 1000))
    engine.dispose()


def test_a_drill_reads_only_what_came_after_it_entered_and_goes_on_where_it_was(inbox: SqlInbox) -> None:
    inbox.store([answer("before")])
    inbox.enter("d")
    inbox.store([answer("first"), answer("second")])

    inbox.advance("d", inbox.read("d", 1)[0].place, ())
    inbox.enter("d")

    assert texts(inbox) == ["second"]


def test_two_drills_read_the_same_and_two_worlds_nothing_of_each_other(engine: sa.Engine, inbox: SqlInbox) -> None:
    other = open_inbox(engine, world="elsewhere")
    inbox.enter("d")
    inbox.enter("e")
    other.enter("f")
    inbox.store([answer("1")])

    assert (texts(inbox, "d"), texts(inbox, "e"), texts(other, "f")) == (["1"], ["1"], [])
    assert other.store([answer("1")]) == 1, "the same words in another world are another answer"
    assert (inbox.readers(), other.readers()) == (["d", "e"], ["f"])


def test_when_a_drill_leaves_what_concerned_it_is_gone_and_with_the_last_one_everything_of_its_world(
    engine: sa.Engine, inbox: SqlInbox
) -> None:
    other = open_inbox(engine, world="elsewhere")
    other.enter("f")
    other.store([answer("theirs")])
    inbox.enter("d")
    inbox.enter("e")
    inbox.store([answer("mine"), answer("nobody's")])
    inbox.advance("d", inbox.read("d", 1)[0].place, [inbox.read("d", 1)[0].place])

    inbox.leave("d")
    assert texts(inbox, "e") == ["nobody's"]

    inbox.leave("e")
    assert inbox.count() == 1
    assert texts(other, "f") == ["theirs"]


def test_what_nobody_wanted_is_removed_after_a_while_but_never_before_every_drill_has_passed_it(engine: sa.Engine, inbox: SqlInbox) -> None:
    inbox.enter("d")
    inbox.store([answer("unread"), answer("wanted")])
    unread, wanted = (kept.place for kept in inbox.read("d", 10))
    age(engine, 700)

    assert inbox.sweep() == 0, "the drill may have crashed and not read it yet"

    inbox.advance("d", wanted, [wanted])
    inbox.store([answer("fresh")])

    assert inbox.sweep() == 1
    assert inbox.count() == 2
    assert unread < wanted


def test_without_any_drill_nothing_stays_for_long(engine: sa.Engine, inbox: SqlInbox) -> None:
    inbox.store([answer("1")])
    assert inbox.sweep() == 0

    age(engine, 700)

    assert inbox.sweep() == 1


def test_a_drill_that_gave_no_sign_for_a_day_holds_nothing_any_more(engine: sa.Engine, inbox: SqlInbox) -> None:
    inbox.enter("d")
    inbox.store([answer("1")])
    inbox.advance("d", 1, [inbox.read("d", 1)[0].place])
    with engine.begin() as connection:
        connection.exec_driver_sql("update inbox_reader set beat_s = beat_s - 90000")

    assert inbox.sweep() == 1
    assert inbox.readers() == []


def test_writers_at_once_lose_nothing_and_a_reader_passes_nothing_unseen(inbox: SqlInbox) -> None:
    inbox.enter("d")
    seen: list[str] = []

    def write(writer: int) -> None:
        for number in range(10):
            inbox.store([answer(f"{writer}/{number}")])

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or inbox.read("d", 1):
        found = inbox.read("d", 7)
        seen += [kept.message.text for kept in found if kept.message]
        if found:
            inbox.advance("d", found[-1].place, ())

    assert sorted(seen) == sorted(f"{writer}/{number}" for writer in range(4) for number in range(10))


def test_the_file_tells_neither_number_nor_text_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    engine = inbox_file(tmp_path / "inbox.sqlite")
    inbox = open_inbox(engine)
    inbox.enter("d")
    inbox.store([answer("1 482193", sequence="77001122")])

    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert not [word for word in (b"13900000001", b"482193", b"77001122") if word in written]
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
    engine.dispose()


def test_what_another_key_sealed_is_handed_out_as_unreadable(engine: sa.Engine, inbox: SqlInbox) -> None:
    inbox.enter("d")
    inbox.store([answer("1 4821")])

    (kept,) = open_inbox(engine, key=b"x" * 32).read("d", 10)

    assert kept.message is None


def test_a_database_that_cannot_be_used_is_one_of_our_errors(tmp_path: Path) -> None:
    (tmp_path / "inbox.sqlite").write_bytes(b"this is no database" * 100)

    with pytest.raises(JournalBroken) as refused:
        open_inbox(inbox_file(tmp_path / "inbox.sqlite")).store([answer("1")])

    assert refused.value.code == "J004"


def test_the_sandboxs_push_path_is_long_stays_the_same_and_differs_between_homes() -> None:
    assert derived_path(KEY) == derived_path(KEY) != derived_path(b"x" * 32)
    assert len(derived_path(KEY)) >= 43
