"""Numbers choose their provider: AWS never carries to mainland China, and nothing else does but SendSms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.routing import REACHES, providers_for, reach_of

MAINLAND = st.from_regex(r"(\+86|0086|86|)1[3-9][0-9]{9}", fullmatch=True)
ABROAD = st.from_regex(r"\+(1[2-9][0-9]{9}|852[0-9]{8}|49[1-9][0-9]{9}|65[0-9]{8})", fullmatch=True)
OFFERED = st.permutations(list(REACHES)).flatmap(lambda names: st.integers(0, 4).map(lambda n: names[:n]))


@given(MAINLAND, OFFERED)
def test_a_mainland_number_goes_to_alibaba_at_home_or_nowhere(number: str, offered: list[str]) -> None:
    assert providers_for(number, offered) == (("aliyun",) if "aliyun" in offered else ())


@given(ABROAD, OFFERED)
def test_a_number_abroad_goes_to_whom_was_offered_first_and_never_through_the_domestic_service(number: str, offered: list[str]) -> None:
    assert list(providers_for(number, offered)) == [name for name in offered if name != "aliyun"]


@pytest.mark.parametrize("number", ["", "10690000", "lead", "+8612345"])
def test_what_is_no_number_of_a_person_goes_nowhere(number: str) -> None:
    assert reach_of(number) is None
    assert providers_for(number, REACHES) == ()


def test_hong_kong_is_not_the_mainland() -> None:
    assert reach_of("+85251234567") == "abroad"
