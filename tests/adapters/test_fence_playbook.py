"""A fence by a team's own playbook counts only when a real database refuses a write; what says nothing is no proof."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.fence_playbook import PlaybookFence
from drill.adapters.ground_described import DescribedGround
from drill.model.errors import Fatal, Retryable
from drill.model.plan import Site
from drill.model.ports import Ansible, Fence, PlayResult
from tests.adapters.pg_pair import Pair, Server, binaries, copy_pair, make_template
from tests.fakes import FakeSecrets

DONE = PlayResult("successful", {"pg_fence": {"already_fenced": False}}, 1, ())


@dataclass
class Acting:
    """Plays nothing, but does what a playbook would to the server (port Ansible)."""

    act: Callable[[], object] = lambda: None
    result: PlayResult = DONE
    played: list[str] = field(default_factory=list)

    def play(self, playbook: str, **_asked: Any) -> PlayResult:
        self.played.append(playbook)
        self.act()
        return self.result


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    made = make_template(binaries()[-1])
    yield made
    shutil.rmtree(made)


@pytest.fixture
def pair(template: Path) -> Iterator[Pair]:
    made = copy_pair(template, binaries()[-1])
    made.start()
    yield made
    made.end()


def fence_of(pair: Pair, ansible: Ansible) -> Fence:
    sites = [Site(id=name, provider="hosts", region=name, options={"database": _database(server)}) for name, server in _servers(pair)]
    ground = DescribedGround(sites, project=Path(), secrets=FakeSecrets({}), last_lsn=str)
    return PlaybookFence(ansible, ground, ["primary", "standby"])


def _servers(pair: Pair) -> list[tuple[str, Server]]:
    return [("primary", pair.a), ("standby", pair.b)]


def _database(server: Server) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "user": "drill", "dbname": "postgres"}


def test_a_fenced_server_proves_itself_by_refusing(pair: Pair) -> None:
    ansible = Acting(lambda: pair.a.do("fence"))

    proof = fence_of(pair, ansible).fence("primary")

    assert (ansible.played, proof["already"]) == (["fence_postgres.yml"], False)
    assert "refused" in proof["write"]


def test_a_playbook_that_only_says_so_is_not_believed(pair: Pair) -> None:
    with pytest.raises(Fatal, match="took a write after it was fenced") as refused:
        fence_of(pair, Acting()).fence("primary")

    assert refused.value.code == "A210"


def test_a_server_that_says_nothing_proves_nothing(pair: Pair) -> None:
    pid = int((pair.a.data / "postmaster.pid").read_text().split()[0])

    def freeze() -> None:
        os.kill(pid, signal.SIGSTOP)

    try:
        with pytest.raises(Fatal, match="says nothing") as refused:
            fence_of(pair, Acting(freeze)).fence("primary")
    finally:
        os.kill(pid, signal.SIGCONT)

    assert refused.value.code == "A210"


def test_hosts_that_cannot_be_reached_may_be_tried_again(pair: Pair) -> None:
    gone = Acting(result=PlayResult("unreachable", {}, 0, (), failure="no route"))

    with pytest.raises(Retryable, match="did not reach primary"):
        fence_of(pair, gone).fence("primary")


def test_it_is_released_only_while_no_other_site_takes_writes(pair: Pair) -> None:
    ansible = Acting()
    fence = fence_of(pair, ansible)

    fence.release("primary")
    pair.b.sql("select pg_promote()")
    with pytest.raises(Fatal, match="standby is writable") as refused:
        fence.release("primary")

    assert (ansible.played, refused.value.code) == (["release_postgres.yml"], "A211")
