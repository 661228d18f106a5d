"""The doctor over both clouds at once, through their SDKs, against emulators that are pointed to by the environment as a user would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from alibabacloud_credentials.utils import auth_util
from moto.server import ThreadedMotoServer

from drill.engine.doctor import Advice, examine
from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.ecs_account import AccountApi, StsApi
from drill.settings import Settings
from drill.wiring.doctor_clouds import cloud_looks
from drill.wiring.scenarios import open_scenario
from tests.fakes import FakeSecrets

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> Iterator[AlidnsServer]:
    aws = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    aws.start()
    aliyun = AlidnsServer([AccountApi(), StsApi()], {"key": "secret"})
    thread = aliyun.start()
    found = {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*aws.get_host_and_port()),
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "key",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret",
        "ALIBABA_ENDPOINT_ECS": f"http://{aliyun.endpoint}",
        "ALIBABA_ENDPOINT_STS": f"http://{aliyun.endpoint}",
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    for name, value in (("environment_access_key_id", "key"), ("environment_access_key_secret", "secret")):
        monkeypatch.setattr(auth_util, name, value)  # the SDK reads the environment once, when it is first imported
    yield aliyun
    aws.stop()
    aliyun.end()
    thread.join(10)


def advice(tmp_path: Path, *sets: str) -> dict[str, Advice]:
    plan = open_scenario(ROOT / "scenarios" / "aliyun-to-aws-region-outage.yaml", sets=sets).plan
    here = Settings(tmp_path, tmp_path, ROOT, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)
    return {row.name: row for row in examine(cloud_looks(here, plan, FakeSecrets({})))}


def test_each_cloud_is_asked_through_its_own_sdk_and_nothing_is_written(clouds: AlidnsServer, tmp_path: Path) -> None:
    image = boto3.client("ec2", region_name="ap-southeast-1").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]

    found = advice(tmp_path, f"phases.rebuild.steps.capacity.terraform.apply.variables={{image: {image}}}")

    sound = ("credentials aliyun", "clock aliyun", "regions aliyun", "credentials aws", "clock aws", "regions aws")
    assert {name: found[name].level for name in sound} == dict.fromkeys(sound, "ok")
    assert found["stock rebuild.capacity"].level == "ok"
    assert found["image rebuild.capacity"].level == "ok"
    assert found["rights aliyun"].level == "warning"
    assert {action for action in clouds.log if not action.startswith(("Describe", "Get"))} == set()


def test_an_image_of_another_region_is_told_before_the_drill(clouds: AlidnsServer, tmp_path: Path) -> None:
    found = advice(tmp_path, "phases.rebuild.steps.capacity.terraform.apply.variables={image: ami-00000000000000000}")

    assert (found["image rebuild.capacity"].level, found["image rebuild.capacity"].code) == ("error", "F052")
    assert clouds.log
