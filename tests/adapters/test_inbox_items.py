"""What Alibaba pushes or queues is read whatever shape its fields have; garbage is no message and never an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.inbox_aliyun import LONGEST_TEXT, read_item
from drill.model.ports import Receipt

UP = {
    "phone_number": "13900000001",
    "content": "1 4821",
    "send_time": "2026-11-24 17:00:00",
    "dest_code": "1069000012",
    "sequence_id": "77",
}
REPORT = {
    "phone_number": "13900000001",
    "success": True,
    "err_code": "DELIVERED",
    "biz_id": "b^0",
    "out_id": "d:gate/go:lead:sms:0",
    "sms_size": "1",
}


def test_an_answers_time_is_chinas_and_its_number_is_written_in_full() -> None:
    found = read_item(UP, message_id="m", handle="h")

    assert found
    assert (found.id, found.handle, found.address, found.text) == ("m", "h", "+8613900000001", "1 4821")
    assert (found.sent_at, found.sequence, found.receipt) == (datetime(2026, 11, 24, 9, 0, 0, tzinfo=UTC), "77", None)


@pytest.mark.parametrize(("given_number", "read"), [("77", "77"), (77, "77"), (77.0, "77"), (None, ""), ([], ""), (True, "")])
def test_a_sequence_number_is_text_a_number_or_a_double(given_number: Any, read: str) -> None:
    found = read_item({**UP, "sequence_id": given_number})

    assert found
    assert found.sequence == read


@pytest.mark.parametrize("time", ["", "yesterday", None, 17, "2026-13-45 00:00:00", "0001-01-01 00:00:00"])
def test_an_answer_with_an_odd_time_is_an_answer_all_the_same(time: Any) -> None:
    found = read_item({**UP, "send_time": time})

    assert found
    assert found.sent_at is None


@pytest.mark.parametrize(
    ("changed", "receipt"),
    [
        ({}, Receipt("d:gate/go:lead:sms:0", "delivered", "DELIVERED")),
        ({"success": "true"}, Receipt("d:gate/go:lead:sms:0", "delivered", "DELIVERED")),
        ({"success": False, "err_code": "USER_REJECT"}, Receipt("d:gate/go:lead:sms:0", "failed", "USER_REJECT")),
        ({"success": False, "err_code": "REQUEST_SUCCESS"}, None),
        ({"success": "perhaps"}, None),
        ({"out_id": ""}, None),
        ({"out_id": None}, None),
    ],
)
def test_a_receipt_says_arrived_or_failed_and_whose_it_is(changed: dict[str, Any], receipt: Receipt | None) -> None:
    found = read_item({**REPORT, **changed})

    assert (found.receipt if found else None) == receipt


@pytest.mark.parametrize(("status", "state"), [("1", "delivered"), (1, "delivered"), (2, "failed"), ("6", "failed"), (3, None), ("", None)])
def test_the_international_product_counts_its_states_differently(status: Any, state: str | None) -> None:
    found = read_item({"To": "85212345678", "Status": status, "MessageId": "g-1", "ErrorCode": "x"})

    assert (found.receipt.state if found and found.receipt else None) == state


def test_what_no_database_takes_is_taken_out_and_what_is_endless_is_cut() -> None:
    found = read_item({**UP, "content": "1\0 4821\ud800" + "x" * 10_000})

    assert found
    assert found.text.startswith("1 4821?")
    assert len(found.text) <= LONGEST_TEXT


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*UP, *REPORT, "Status", "To", "MessageId"]), anything) | anything)
def test_garbage_is_read_without_an_error(item: Any) -> None:
    found = read_item(item)

    assert found is None or json.dumps([found.address, found.text, found.sequence]).isascii()
