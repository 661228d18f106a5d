"""The texts: complete in both languages, acceptable to a carrier, and silent about codes where they are recorded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.wording import (
    ASKS,
    CATALOGUE,
    LANGUAGES,
    MASKED_CODE,
    PURPOSES,
    SANDBOX_CODES,
    STATES,
    VALUE_LIMIT,
    Language,
    Purpose,
    fit,
    render,
    render_masked,
    unacceptable,
)


def values(purpose: Purpose, language: Language) -> dict[str, str]:
    return {name: "4821" if name == "code" else "x" for name in CATALOGUE[purpose, language].variables}


def test_every_purpose_has_a_text_in_every_language() -> None:
    assert set(CATALOGUE) == {(purpose, language) for purpose in PURPOSES for language in LANGUAGES}
    assert SANDBOX_CODES["gate"]["zh"] == "SMS_DRILL_GATE_ZH"
    assert len({template.code for template in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_both_languages_of_a_text_need_the_same_variables(purpose: Purpose) -> None:
    assert set(CATALOGUE[purpose, "zh"].variables) == set(CATALOGUE[purpose, "en"].variables)


def test_only_texts_that_ask_carry_a_code() -> None:
    assert {purpose for purpose, language in CATALOGUE if "code" in CATALOGUE[purpose, language].variables} == ASKS


def test_a_rendered_text_holds_the_code_and_a_masked_one_does_not() -> None:
    for purpose in ASKS:
        for language in LANGUAGES:
            assert "4821" in render(purpose, language, values(purpose, language))
            masked = render_masked(purpose, language, values(purpose, language))
            assert "4821" not in masked
            assert MASKED_CODE in masked


def test_a_missing_or_overlong_variable_is_named_and_its_value_is_not_shown() -> None:
    secret = "9" * (VALUE_LIMIT + 1)

    with pytest.raises(ValueError, match="'code' has 36 characters") as caught:
        render("gate", "en", {"drill": "d", "phase": "p", "state": "s", "code": secret})

    assert "'within' has no value" in str(caught.value)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("value", ["db.example.com", "10.0.0.1", "http://x", "www.a.cn", "【x】", "👍"])
def test_a_value_that_carriers_refuse_is_refused_before_it_is_sent(value: str) -> None:
    variables = {**values("gate", "zh"), "phase": value}

    assert unacceptable(CATALOGUE["gate", "zh"], variables)
    assert not unacceptable(CATALOGUE["gate", "zh"], {**variables, "phase": fit(value) or "x"})


def test_ready_states_fit_and_a_decimal_stays_a_decimal() -> None:
    assert all(fit(text) == text for state in STATES.values() for text in state.values())
    assert fit("41.2s") == "41.2s"
    assert fit("shop.drill.test") == "shop-drill-test"


@given(st.text(max_size=80))
def test_fitting_is_idempotent_and_keeps_the_limit(text: str) -> None:
    once = fit(text)

    assert len(once) <= VALUE_LIMIT
    assert fit(once) == once


@given(st.text(min_size=1, max_size=80))
def test_a_value_never_opens_another_variable(text: str) -> None:
    value = fit("${code}" + text)

    shown = render_masked("gate", "en", {**values("gate", "en"), "phase": value})

    assert "4821" not in shown.replace(value, "")
