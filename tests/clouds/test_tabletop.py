"""The shipped scenario without any machine in it, live: people are asked, over the real SDK."""

from __future__ import annotations

import pytest

from tests.clouds.two_clouds import ALIYUN_TO_AWS, TwoClouds

pytestmark = [pytest.mark.real, pytest.mark.sweep]
PAIRS = [ALIYUN_TO_AWS]


def test_a_tabletop_drill_asks_people_and_ends_well_without_a_figure(clouds: TwoClouds) -> None:
    kind = ("--set", "messages.sms.kind=exempt")
    done = clouds.drill("run", "scenarios/tabletop.yaml", "--live", "--confirm", "tabletop", "--id", "talk", *kind)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "RTO and RPO are not judged" in done.stdout
    assert clouds.writes == []
