"""A fence by a team's own playbook counts only when a real database refuses a write; what says nothing, or something else, is no proof."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.fence_playbook import PlaybookFence
from drill.model.errors import Fatal, Retryable
from drill.model.ports import Ansible, Fence, PlayResult
from tests.adapters.fence_pairs import ENGINES, Two, started, template_of

REPORTS = {"postgres": "pg_fence", "mysql": "db_fence"}


@dataclass
class Acting:
    """Plays nothing, but does what a playbook would to the server (port Ansible)."""

    act: Callable[[], object] = lambda: None
    result: PlayResult = field(default_factory=lambda: PlayResult("successful", {}, 1, ()))
    played: list[str] = field(default_factory=list)

    def play(self, playbook: str, **_asked: Any) -> PlayResult:
        self.played.append(playbook)
        self.act()
        return self.result


@pytest.fixture(scope="module", params=ENGINES)
def template(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    made = template_of(request.param)
    yield request.param, made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def intact(template: tuple[str, Path]) -> Iterator[Two]:
    """A pair that every test leaves as it found it."""
    made = started(*template)
    yield made
    made.end()


@pytest.fixture
def pair(template: tuple[str, Path]) -> Iterator[Two]:
    """A pair that the test may use up."""
    made = started(*template)
    yield made
    made.end()


def fence_of(pair: Two, ansible: Ansible, **primary: Any) -> Fence:
    return PlaybookFence(ansible, pair.ground(**primary), ["primary", "standby"])


def test_a_fenced_server_proves_itself_by_refusing_old_connections_and_new_ones(pair: Two) -> None:
    done = PlayResult("successful", {REPORTS[pair.engine]: {"already_fenced": True}}, 1, ())
    ansible = Acting(pair.primary.fence, done)

    proof = fence_of(pair, ansible).fence("primary")

    assert (ansible.played, proof["already"]) == ([f"fence_{pair.engine}.yml"], True)
    assert "refused" in proof["write"]
    assert "connection" in proof["held"].lower()


def test_a_playbook_that_only_says_so_is_not_believed(intact: Two) -> None:
    with pytest.raises(Fatal, match="took a write, on a connection that was open before") as refused:
        fence_of(intact, Acting()).fence("primary")

    assert refused.value.code == "A210"


def test_a_server_that_comes_back_after_it_was_fenced_is_noticed(intact: Two) -> None:
    intact.primary.stop()

    with pytest.raises(Fatal, match="took a write after it was fenced") as refused:
        fence_of(intact, Acting(intact.primary.start)).fence("primary")

    assert refused.value.code == "A210"


def test_a_server_that_says_nothing_proves_nothing(intact: Two) -> None:
    with ExitStack() as ended, pytest.raises(Fatal, match="says nothing") as refused:
        fence_of(intact, Acting(lambda: ended.enter_context(intact.primary.frozen()))).fence("primary")

    assert refused.value.code == "A210"


def test_a_server_that_turns_a_stranger_away_proves_nothing(intact: Two) -> None:
    with pytest.raises(Fatal, match="turned us away, which does not prove") as refused:
        fence_of(intact, Acting(), user="nobody_here").fence("primary")

    assert refused.value.code == "A210"


def test_hosts_that_cannot_be_reached_may_be_tried_again(intact: Two) -> None:
    gone = Acting(result=PlayResult("unreachable", {}, 0, (), failure="no route"))

    with pytest.raises(Retryable, match="did not reach primary"):
        fence_of(intact, gone).fence("primary")


def test_it_is_released_only_while_no_other_site_takes_writes(pair: Two) -> None:
    ansible = Acting()
    fence = fence_of(pair, ansible)

    fence.release("primary")
    pair.standby.promote()
    with pytest.raises(Fatal, match="standby is writable") as refused:
        fence.release("primary")

    assert (ansible.played, refused.value.code) == ([f"release_{pair.engine}.yml"], "A211")
    assert f"rejoin_{pair.engine}.yml" in refused.value.fix
