"""Giving a site back ends its outage, or says that it did not."""

from __future__ import annotations

import pytest

from drill.model.errors import Retryable
from drill.model.events import Kind
from drill.steps.base import registry
from drill.steps.outage_restore import OutageRestore, OutageRestoreParams
from tests.fakes import FakeAttempt, FakeOutage, fake_world

BACK = OutageRestoreParams(of="outage.blackhole", site="primary")


def cut_off(*, stuck: bool = False) -> FakeOutage:
    outage = FakeOutage({"primary": ["postgres"]}, stuck=["primary"] if stuck else [])
    outage.isolate("primary")
    return outage


def test_the_site_is_given_back_and_the_end_is_witnessed() -> None:
    outage, attempt = cut_off(), FakeAttempt(step="data_home.revive")

    outputs = OutageRestore().run(BACK, fake_world(outage=outage), attempt)

    assert outputs == {"site": "primary", "of": "outage.blackhole"}
    assert not outage.isolated("primary")
    assert attempt.witnessed == [(Kind.OUTAGE_ENDED, "data_home.revive/OutageEnded", {"site": "primary"})]


def test_a_site_that_stays_cut_off_is_an_error_that_may_be_tried_again() -> None:
    attempt = FakeAttempt()

    with pytest.raises(Retryable) as failed:
        OutageRestore().run(BACK, fake_world(outage=cut_off(stuck=True)), attempt)

    assert failed.value.code == "A113"
    assert attempt.witnessed == []


def test_there_is_nothing_to_do_without_an_outage() -> None:
    outage = cut_off()
    assert [effect.target for effect in OutageRestore().preview(BACK, fake_world(outage=outage))] == ["primary/outage"]

    outage.restore("primary", {})

    assert OutageRestore().preview(BACK, fake_world(outage=outage)) == []


def test_it_is_found_by_its_kind() -> None:
    assert isinstance(registry()["outage.restore"], OutageRestore)
