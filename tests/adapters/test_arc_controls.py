"""What only routing controls can do wrong: dead endpoints, lost answers, safety rules."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from drill.adapters.arc_controls import RoutingControls
from drill.model.errors import Fatal, InDoubt, Retryable
from drill.sandbox.arc_http import REGIONS, ArcCluster

NAME, HOME, AWAY = "shop.drill.test", "arn:aws:r::1:controlpanel/p/routingcontrol/home", "arn:aws:r::1:controlpanel/p/routingcontrol/away"


@pytest.fixture
def cluster() -> Iterator[ArcCluster]:
    running = ArcCluster({HOME: "On", AWAY: "Off"})
    running.start()
    yield running
    running.end()


def controls(cluster: ArcCluster, **sites: str) -> RoutingControls:
    known = sites or {"primary": HOME, "standby": AWAY}
    return RoutingControls(NAME, cluster.endpoints, known, access_key="key", secret_key="secret", rng=random.Random(7))


@pytest.mark.parametrize("mood", ["gone", "unavailable", "throttled"])
def test_one_living_endpoint_of_five_is_enough(cluster: ArcCluster, mood: str) -> None:
    cluster.moods = dict.fromkeys(REGIONS[:4], mood)  # type: ignore[arg-type]
    lever = controls(cluster)

    lever.steer(lever.read(), "standby")

    assert cluster.states == {HOME: "Off", AWAY: "On"}


def test_without_any_endpoint_reading_is_worth_another_try(cluster: ArcCluster) -> None:
    cluster.moods = dict.fromkeys(REGIONS, "gone")

    with pytest.raises(Retryable) as caught:
        controls(cluster).read()

    assert caught.value.code == "A120"


def test_both_controls_flip_in_one_call(cluster: ArcCluster) -> None:
    lever = controls(cluster)

    lever.steer(lever.read(), "standby")

    assert [action for _, action in cluster.asked].count("UpdateRoutingControlStates") == 1
    assert "UpdateRoutingControlState" not in [action for _, action in cluster.asked]


def test_an_update_whose_answers_were_lost_is_settled_by_reading(cluster: ArcCluster) -> None:
    cluster.moods = {"UpdateRoutingControlStates": "lost"}
    lever = controls(cluster)

    assert lever.steer(lever.read(), "standby").site == "standby"


def test_an_update_that_never_arrived_may_be_tried_again(cluster: ArcCluster) -> None:
    cluster.moods = {"UpdateRoutingControlStates": "gone"}
    lever = controls(cluster)

    with pytest.raises(Retryable) as caught:
        lever.steer(lever.read(), "standby")

    assert (caught.value.code, cluster.states) == ("A120", {HOME: "On", AWAY: "Off"})


def test_an_update_that_cannot_be_read_back_is_in_doubt(cluster: ArcCluster) -> None:
    lever = controls(cluster)
    before = lever.read()
    call = cluster.call

    def deaf_afterwards(action: str, body: Any) -> dict[str, Any]:
        if action.startswith("Update"):
            cluster.moods = dict.fromkeys(REGIONS, "gone")
        return call(action, body)

    cluster.call = deaf_afterwards  # type: ignore[method-assign]
    cluster.moods = {"UpdateRoutingControlStates": "lost"}
    with pytest.raises(InDoubt) as caught:
        lever.steer(before, "standby")

    assert caught.value.code == "A320"


def test_a_safety_rule_is_obeyed_and_named(cluster: ArcCluster) -> None:
    only_home = controls(cluster, primary=HOME, nowhere="arn:aws:r::1:controlpanel/p/routingcontrol/home")
    before = only_home.read()
    stripped = {HOME: "Off"}

    with pytest.raises(Fatal, match="ConflictException") as caught:
        only_home._set(stripped)

    assert caught.value.code == "A226"
    assert before.raw == {HOME: "On"}
    assert cluster.states == {HOME: "On", AWAY: "Off"}


def test_a_control_that_is_not_there_is_told(cluster: ArcCluster) -> None:
    with pytest.raises(Fatal) as caught:
        controls(cluster, primary="arn:nobody").read()

    assert caught.value.code == "A221"


def test_signatures_never_travel_in_the_clear() -> None:
    with pytest.raises(Fatal) as caught:
        RoutingControls(NAME, [("us-east-1", "http://cluster.example.com")], {"primary": HOME})

    assert caught.value.code == "A224"


def test_no_credentials_is_a_clear_error(cluster: ArcCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(Fatal) as caught:
        RoutingControls(NAME, cluster.endpoints, {"primary": HOME}).read()

    assert caught.value.code == "A224"
