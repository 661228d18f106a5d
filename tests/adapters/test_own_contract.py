"""What a team's own ground promises, the real adapters and the fakes alike, and that nothing of it acts in a dry run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from drill.adapters.commands_local import LocalCommands
from drill.adapters.http_calls import PlainHttp
from drill.adapters.kafka_ends import KafkaEnds
from drill.adapters.own_rehearsed import rehearsed_own
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal
from drill.model.ports import Call, Command, Commands, ConfigPlace, HttpCalls, KafkaAccess, PartitionEnd, Queues
from drill.model.rehearsal import WriteRefused
from tests.adapters.kafka_cluster import Cluster
from tests.adapters.little_http import answering
from tests.adapters.pg_pair import free_port
from tests.fakes import FakeSecrets
from tests.fakes_own import FakeCommands, FakeHttp, FakeQueues, answered, ended

VALUES = SecretValues(FakeSecrets({}))
GOOD = Command((sys.executable, "-c", "print('out')"))
BAD = Command(("sh", "-c", "echo err >&2; exit 3"))
ABSENT = Command(("no-such-program",))


@pytest.fixture(params=["fake", "local"])
def commands(request: pytest.FixtureRequest) -> Commands:
    if request.param == "local":
        return LocalCommands(VALUES, "test-contract", grace_s=0.5)
    fake = FakeCommands(**{sys.executable: ended(0, "out\n"), "sh": ended(3, "", "err\n")})
    fake.absent.append("no-such-program")
    return fake


@pytest.mark.parametrize("verb", ["run", "look"])
def test_a_program_ends_with_its_code_and_both_streams(commands: Commands, verb: str) -> None:
    def end(command: Command) -> tuple[object, ...]:
        found = commands.look(command, timeout_s=60) if verb == "look" else commands.run(command, timeout_s=60, stopping=lambda: False)
        assert found is not None
        return found.state, found.exit_code, found.stdout, found.stderr

    assert end(GOOD) == ("ended", 0, "out\n", "")
    assert end(BAD) == ("ended", 3, "", "err\n")


def test_a_program_that_is_not_here_is_told_before_and_cannot_be_started(commands: Commands) -> None:
    assert commands.trouble(GOOD) == []
    assert "no-such-program" in " ".join(commands.trouble(ABSENT))
    with pytest.raises(Fatal) as refused:
        commands.run(ABSENT, timeout_s=60, stopping=lambda: False)

    assert (refused.value.code, refused.value.untouched) == ("A280", True)


@pytest.fixture(params=["fake", "plain"])
def http(request: pytest.FixtureRequest) -> Iterator[tuple[HttpCalls, str, str]]:
    """Calls, a server that answers, and an address where nobody does."""
    nobody = f"http://127.0.0.1:{free_port()}/"
    if request.param == "fake":
        refused = answered(0, sent=False, error="Connection refused")
        yield FakeHttp({"http://shop.drill.test/": answered(503, "busy"), nobody: refused}), "http://shop.drill.test/", nobody
        return
    with answering(lambda _asked: (503, "busy")) as server:
        yield PlainHttp(VALUES), f"{server.url}/", nobody


@pytest.mark.parametrize("verb", ["send", "look"])
def test_any_answer_is_told_as_it_came(http: tuple[HttpCalls, str, str], verb: str) -> None:
    calls, url, _ = http

    answer = getattr(calls, verb)(Call("GET", url), timeout_s=60)

    assert (answer.sent, answer.status, answer.body, answer.error) == (True, 503, "busy", "")


def test_a_call_that_never_left_says_so(http: tuple[HttpCalls, str, str]) -> None:
    calls, _, nobody = http

    answer = calls.send(Call("POST", nobody), timeout_s=60)

    assert (answer.sent, answer.status) == (False, 0)
    assert answer.error


@pytest.mark.parametrize("verb", ["send", "look"])
def test_what_is_no_address_is_told_before_and_called_by_nobody(http: tuple[HttpCalls, str, str], verb: str) -> None:
    calls, url, _ = http

    assert calls.trouble(Call("GET", url)) == []
    assert calls.trouble(Call("GET", "ftp://x/"))
    with pytest.raises(Fatal) as refused:
        getattr(calls, verb)(Call("GET", "ftp://x/"), timeout_s=60)

    assert refused.value.code == "A282"


@pytest.fixture(params=["fake", "kafka"])
def queue(request: pytest.FixtureRequest) -> Iterator[tuple[Queues, KafkaAccess]]:
    """A topic `orders` with five records in its first partition."""
    if request.param == "fake":
        rows = [PartitionEnd("orders", 0, 5, 1_800_000_000.0), PartitionEnd("orders", 1, 0, None), PartitionEnd("others", 0, 9, None)]
        yield FakeQueues({"fake:9092": rows}), KafkaAccess("fake:9092")
        return
    cluster = Cluster()
    cluster.put("orders", 5, at_s=1_800_000_000)
    yield KafkaEnds(VALUES), cluster.access


def test_every_partition_of_the_topics_ends_somewhere(queue: tuple[Queues, KafkaAccess]) -> None:
    queues, access = queue

    found = queues.ends(access, ["orders"], group="", newest=True, timeout_s=60)

    assert found is not None
    assert [row.partition for row in found] == [*range(len(found))]
    assert {row.topic for row in found} == {"orders"}
    assert (found[0].next_offset, found[0].newest_s, found[0].committed) == (5, 1_800_000_000.0, None)


def test_a_topic_that_is_not_there_is_told(queue: tuple[Queues, KafkaAccess]) -> None:
    queues, access = queue

    with pytest.raises(Fatal) as refused:
        queues.ends(access, ["no topic has spaces"], group="", newest=False, timeout_s=20)

    assert refused.value.code == "A288"


def test_in_a_dry_run_nobody_is_asked() -> None:
    own = rehearsed_own()
    place = ConfigPlace("file", {"path": "/etc/app.yaml"})

    assert [
        own.commands.look(GOOD, timeout_s=1),
        own.http.look(Call("GET", "http://127.0.0.1:1/"), timeout_s=1),
        own.configs.read(place),
        own.databases.ask("secret:DSN", "select 1", timeout_s=1),
        own.databases.count("secret:DSN", "orders", where="", timeout_s=1),
        own.queues.ends(KafkaAccess("127.0.0.1:1"), ["orders"], group="", newest=True, timeout_s=1),
    ] == [None] * 6


WRITES: dict[str, Callable[[], object]] = {
    "run": lambda: rehearsed_own().commands.run(GOOD, timeout_s=1, stopping=lambda: False),
    "send": lambda: rehearsed_own().http.send(Call("POST", "http://127.0.0.1:1/"), timeout_s=1),
    "swap": lambda: rehearsed_own().configs.swap(ConfigPlace("file", {"path": "/etc/app.yaml"}), "a", "b"),
}


@pytest.mark.parametrize("write", WRITES)
def test_in_a_dry_run_whoever_would_write_is_refused(write: str) -> None:
    with pytest.raises(WriteRefused) as refused:
        WRITES[write]()

    assert refused.value.code == "A270"
