"""Where a workspace's state is kept: behind HTTP and in S3, each drill's and step's at a place of its own, with its lock."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydantic import ValidationError

from drill.adapters.terraform import TerraformCli
from drill.adapters.terraform_backend import backend_text
from drill.model.errors import Fatal, Retryable
from drill.model.ports import Workspace
from drill.steps.terraform_apply import TerraformApplyParams
from tests.adapters.terraform_place import Place

MODULE = 'variable "drill" { type = string }\nresource "terraform_data" "app" { input = var.drill }\n'
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing-key-id", "AWS_SECRET_ACCESS_KEY": "testing-secret"}


class Store(ThreadingHTTPServer):
    """States and their locks in memory, as Terraform's http backend speaks of them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.states: dict[str, bytes] = {}
        self.locks: dict[str, bytes] = {}
        self.full = False

    @property
    def address(self) -> str:
        """Where the states of all drills lie."""
        return f"http://127.0.0.1:{self.server_port}/states"


class _Answer(BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        found = self.server.states.get(self._name)
        self._end(200 if found is not None else 404, found or b"")

    def do_POST(self) -> None:
        body = self._body
        if not self.server.full:
            self.server.states[self._name] = body
        self._end(507 if self.server.full else 200)

    def do_LOCK(self) -> None:
        held = self.server.locks.setdefault(self._name, mine := self._body)
        self._end(200 if held is mine else 423, held)

    def do_UNLOCK(self) -> None:
        self.server.locks.pop(self._name, None)
        self._end(200)

    @property
    def _name(self) -> str:
        return self.path.partition("?")[0]

    @property
    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _end(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        """Nothing."""


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _workspace(place: Place, backend: dict[str, Any], *, lock_timeout_s: float = 30.0) -> Workspace:
    return Workspace("d1", "rebuild.capacity", place.module(MODULE), {}, backend, lock_timeout_s)


def test_a_state_behind_http_is_the_step_s_own_and_another_home_finds_nothing_on_its_disk(place: Place, store: Store) -> None:
    workspace = _workspace(place, {"http": {"address": store.address}})

    place.build(workspace)
    built, kept = place.cli.resources(workspace), dict(store.states)
    local = list(place.home.rglob("*.tfstate"))
    place.destroy()

    assert built == ["terraform_data.app"]
    assert list(kept) == ["/states/d1/rebuild.capacity"]
    assert json.loads(kept["/states/d1/rebuild.capacity"])["resources"][0]["instances"][0]["attributes"]["input"]["value"] == "d1"
    assert [path for path in local if "resources" in path.read_text() and '"resources": []' not in path.read_text()] == []
    assert place.cli.resources(workspace) == []
    assert store.locks == {}


def test_a_lock_that_another_holds_is_waited_for_as_long_as_asked_then_told(place: Place, store: Store) -> None:
    workspace = _workspace(place, {"http": {"address": store.address}}, lock_timeout_s=0.2)
    holder = {"ID": "c0ffee", "Operation": "OperationTypeApply", "Who": "root@elsewhere", "Created": "2026-11-24T10:00:00Z"}
    store.locks["/states/d1/rebuild.capacity"] = json.dumps(holder).encode()

    with pytest.raises(Retryable, match=r"state is locked.*c0ffee") as caught:
        place.cli.plan(workspace)

    assert caught.value.code == "A140"


def test_a_state_that_cannot_be_reached_is_no_empty_one(place: Place, store: Store) -> None:
    workspace = _workspace(place, {"http": {"address": store.address, "retry_max": 0}})
    place.build(workspace)
    store.shutdown()
    store.server_close()

    with pytest.raises((Fatal, Retryable), match="A"):
        place.cli.resources(workspace)


@pytest.mark.parametrize("loss", ["gone", "older"])
def test_a_state_that_was_lost_where_it_is_kept_is_noticed_and_nothing_is_built_again(place: Place, store: Store, loss: str) -> None:
    workspace = _workspace(place, {"http": {"address": store.address}})
    place.build(workspace)
    whole = json.loads(store.states["/states/d1/rebuild.capacity"])
    if loss == "gone":
        store.states.clear()
    else:
        store.states["/states/d1/rebuild.capacity"] = json.dumps({**whole, "serial": whole["serial"] - 1, "resources": []}).encode()

    with pytest.raises(Fatal, match=r"Restore an earlier version") as caught:
        place.cli.plan(workspace)

    assert caught.value.code == "A242"


def test_a_state_that_could_not_be_saved_is_mended_before_anything_else(place: Place, store: Store) -> None:
    workspace = _workspace(place, {"http": {"address": store.address, "retry_max": 0}})
    place.cli.plan(workspace)
    store.full = True
    with pytest.raises(Retryable, match=r"A141"):
        place.cli.apply(workspace, stopping=lambda: False, on_event=place.events.append)
    store.full = False

    with pytest.raises(Fatal, match=r"terraform state push errored\.tfstate") as caught:
        place.cli.plan(workspace)

    assert caught.value.code == "A242"


@pytest.fixture
def bucket() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "testing-key-id", "aws_secret_access_key": "testing-secret"}
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(Bucket="drill-state")
    yield endpoint
    server.stop()


def test_a_state_in_s3_is_the_step_s_own_encrypted_and_unlocked_in_the_end(tmp_path: Path, bucket: str) -> None:
    place = Place(tmp_path, CREDENTIALS)
    ways = {"endpoints": {"s3": bucket}, "use_path_style": True, "skip_credentials_validation": True, "skip_requesting_account_id": True}
    workspace = _workspace(
        place, {"s3": {"bucket": "drill-state", "region": "us-east-1", "prefix": "teams/a", "skip_s3_checksum": True, **ways}}
    )

    place.build(workspace)

    client = boto3.client("s3", endpoint_url=bucket, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    kept = [row["Key"] for row in client.list_objects_v2(Bucket="drill-state")["Contents"]]
    head = client.head_object(Bucket="drill-state", Key=kept[0])
    assert kept == ["teams/a/d1/rebuild.capacity.tfstate"]
    assert head["ServerSideEncryption"] == "AES256"
    assert place.cli.resources(workspace) == ["terraform_data.app"]
    place.destroy()
    assert place.cli.resources(workspace) == []


def test_each_kind_of_state_has_a_place_of_its_own_per_drill_and_step() -> None:
    one, other = (Workspace("d1", step, "m", {}, {"pg": {}}) for step in ("a.b", "a.c"))
    locked = Workspace(
        "d1", "a.b", "m", {}, {"http": {"address": "https://state.example.com/", "lock_address": "https://lock.example.com"}}
    )

    assert backend_text(one) != backend_text(other)
    assert 'address = "https://state.example.com/d1/a.b"' in backend_text(locked)
    assert 'lock_address = "https://lock.example.com/d1/a.b"' in backend_text(locked)
    assert backend_text(Workspace("d1", "a.b", "m", {})) == ""


def test_what_looks_like_an_expression_stays_text() -> None:
    text = backend_text(Workspace("d1", "a", "m", {}, {"s3": {"bucket": '${file("/etc/passwd")}'}}))

    assert '"$${file' in text


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ({"s3": {"bucket": "b", "key": "mine"}}, "a state of its own"),
        ({"pg": {"conn_str": "postgres://db"}}, "PG_CONN_STR"),
        ({"http": {"address": "https://me:mine@state.example.com"}}, "TF_HTTP_PASSWORD"),
        ({"http": {"password": "mine"}}, "write a secret down"),
        ({"s3": {"bucket": "secret:BUCKET"}}, "write a secret down"),
        ({"s3": {}, "pg": {}}, "at most 1"),
        ({"consul": {}}, "consul"),
    ],
)
def test_a_backend_that_would_write_a_secret_down_or_share_a_state_is_refused(backend: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TerraformApplyParams.model_validate({"module": "m", "backend": backend})


def test_a_backend_that_nobody_knows_is_an_error_of_ours(tmp_path: Path) -> None:
    cli = TerraformCli(tmp_path, Path.cwd(), "mark", {})

    with pytest.raises(Fatal, match="A247"):
        cli.plan(Workspace("d1", "a", "terraform/sites/sandbox", {}, {"consul": {}}))
