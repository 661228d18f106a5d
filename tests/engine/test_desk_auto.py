"""An answer that a machine gave says so, from the carrier to the record."""

from __future__ import annotations

import pytest

from drill.adapters.inbox_aliyun import read_item
from drill.adapters.inbox_seal import Seal
from drill.engine.desk import Desk
from drill.model.events import Kind
from tests.engine.door import Door

NUMBER = "13900000001"


@pytest.mark.parametrize("automatic", [True, False])
def test_who_answered_by_itself_is_told_in_the_record(*, automatic: bool) -> None:
    door = Door()
    door.drill.clock.after(1.0, lambda: None)
    door.drill.clock.after(2.0, lambda: _answer(door, automatic=automatic))

    door.hold()

    (reply,) = door.drill.facts(Kind.REPLY_RECEIVED)
    assert reply.data["auto"] is automatic


def _answer(door: Door, *, automatic: bool) -> None:
    item = {"phone_number": NUMBER, "content": f"1 {door.drill.code('a', 'lead')}", "sequence_id": "7"}
    read = read_item({**item, **({"automatic": True} if automatic else {})}, message_id="m-1", handle="1")
    assert read is not None
    seal = Seal(b"a key of the tests, 32 bytes long")
    kept = seal.open("m-1", 1, seal.close(read))
    assert kept is not None
    Desk(door.drill.recorder, door.drill.people).take_message(kept)
