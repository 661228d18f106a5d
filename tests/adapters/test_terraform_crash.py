"""Terraform that is stopped, killed, or left behind by a dead engine: the state is kept, and nothing runs on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.terraform_orphans import end_orphans
from drill.adapters.terraform_papers import Handed
from drill.adapters.terraform_process import Command
from drill.model.errors import JournalBroken, Retryable
from drill.model.ports import TerraformEvent
from tests.adapters.terraform_place import ENGINES, PROJECT, Place


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.delenv("DRILL_TERRAFORM", raising=False)
    if request.param == "wheel":
        monkeypatch.setenv("PATH", "")
    place = Place(tmp_path)
    yield place
    place.end()


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    until_s = time.monotonic() + within_s
    while not holds() and time.monotonic() < until_s:
        time.sleep(0.01)
    return holds()


def started(place: Place) -> Callable[[], bool]:
    """Whether the control for tests is at work on both app servers."""
    return lambda: len(place.log()) >= 2


# ---------------------------------------------------------------- stopped


def test_a_stop_in_the_middle_leaves_no_process_and_the_next_plan_goes_on(place: Place) -> None:
    slow = place.sandbox("--before", "60")
    place.cli.plan(slow)

    begun_s = time.monotonic()
    with pytest.raises(Retryable) as caught:
        place.cli.apply(slow, stopping=started(place), on_event=place.events.append)
    took_s = time.monotonic() - begun_s

    assert caught.value.code == "A141"
    assert took_s < 30  # its control would take a minute
    assert eventually(lambda: place.marked() == [], within_s=20.0)  # killed, and gone as soon as the kernel has had its turn
    assert (place.instances(), len(place.cli.resources(slow))) == ({}, 2)

    place.build(place.sandbox())

    assert set(place.instances()) == {"b1", "b2"}


def test_what_was_half_made_when_it_was_stopped_is_destroyed_as_well(place: Place) -> None:
    lingering = place.sandbox("--after", "60")
    place.cli.plan(lingering)
    with pytest.raises(Retryable):
        place.cli.apply(lingering, stopping=lambda: len(place.instances()) == 2, on_event=place.events.append)
    half_made = set(place.instances())

    place.destroy()

    assert half_made == {"b1", "b2"}
    assert place.instances() == {}
    assert place.cli.resources(lingering) == []


def test_a_plan_can_be_stopped(place: Place) -> None:
    with pytest.raises(Retryable) as caught:
        place.cli.plan(place.sandbox(), stopping=lambda: True)

    assert caught.value.code == "A190"
    assert place.marked() == []


def test_a_journal_that_takes_no_fact_ends_terraform_with_its_state_saved(place: Place) -> None:
    def refuse(_event: TerraformEvent) -> None:
        if started(place)():
            raise JournalBroken("the token is stale", code="J010")

    slow = place.sandbox("--before", "0.5")
    place.cli.plan(slow)

    with pytest.raises(JournalBroken):
        place.cli.apply(slow, stopping=lambda: False, on_event=refuse)

    assert place.marked() == []
    assert len(place.cli.resources(slow)) == 2


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, lambda *_: print("no", flush=True))
subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(60)"])
print('{"type": "ready"}', flush=True)
time.sleep(60)
"""


def test_one_that_heeds_no_interrupt_is_killed_with_all_below_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    heard: list[Mapping[str, Any]] = []
    command = Command((sys.executable, "-IS", "-c", STUBBORN), tmp_path, mark=place.mark, given=Handed(), grace_s=0.3)

    ended = command.run("plan", stopping=lambda: bool(heard), on_event=heard.append)

    assert (ended.code, ended.stopped) == (-signal.SIGKILL, True)
    assert [event.get("@message") for event in heard] == [None, "no", "no"]
    assert eventually(lambda: place.marked() == [])


# ---------------------------------------------------------------- Terraform dies


def kill_terraform(place: Place) -> None:
    """Kill it with everything it runs, as a machine that is out of memory may."""
    terraform = json.loads((place.directory / "running.json").read_text())["terraform"]
    os.killpg(int(terraform.partition(":")[0]), signal.SIGKILL)


def test_what_was_being_made_when_terraform_was_killed_is_known_and_destroyed(place: Place) -> None:
    lingering = place.sandbox("--after", "1")
    place.cli.plan(lingering)

    def kill_when_both_are_there() -> None:
        eventually(lambda: len(place.instances()) == 2)
        kill_terraform(place)

    killer = threading.Thread(target=kill_when_both_are_there)
    killer.start()

    with pytest.raises(Retryable) as caught:
        place.cli.apply(lingering, stopping=lambda: False, on_event=place.events.append)
    killer.join()
    left = place.cli.resources(place.workspace(""))
    place.destroy()

    assert caught.value.code == "A141"
    assert left == ['terraform_data.app["b1"]', 'terraform_data.app["b2"]']
    assert place.instances() == {}
    assert place.cli.resources(place.workspace("")) == []


def test_a_clouds_resource_that_was_being_made_is_left_to_a_person_who_says_when_it_is_gone(tmp_path: Path) -> None:
    place = Place(tmp_path)
    workspace = place.workspace(place.module('resource "terraform_data" "a" {}'))
    place.cli.plan(workspace)
    begun = {"type": "apply_start", "hook": {"action": "create", "resource": {"addr": "acme_server.a", "resource_type": "acme_server"}}}
    (place.directory / "apply.jsonl").write_text(f"creating…\n{json.dumps(begun)}\n{{cut")

    place.build(workspace)
    place.destroy()
    left = place.cli.resources(workspace)
    (place.directory / "lost.json").unlink()

    assert left == ["acme_server.a"]
    assert place.cli.resources(workspace) == []


# ---------------------------------------------------------------- the engine dies

ENGINE = """
import json, sys
from pathlib import Path
from typing import Any
from drill.adapters.terraform import TerraformCli
from drill.model.ports import Workspace
home, project, mark, variables = sys.argv[1:]
cli = TerraformCli(Path(home), Path(project), mark, {})
workspace = Workspace("d1", "rebuild.capacity", "terraform/sites/sandbox", json.loads(variables))
cli.plan(workspace)
cli.apply(workspace, stopping=lambda: False, on_event=lambda event: None)
"""


def killed(place: Place, *control_options: str, when: Callable[[], bool]) -> None:
    """Run an engine in a process of its own and kill it when its Terraform is at work."""
    variables = json.dumps(dict(place.sandbox(*control_options).variables))
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(place.home), str(PROJECT), place.mark, variables], cwd=PROJECT)
    try:
        assert eventually(when)
    finally:
        engine.kill()
        engine.wait()


def test_terraform_saves_its_state_when_its_engine_is_killed(place: Place) -> None:
    killed(place, "--before", "60", when=started(place))

    state = place.directory / "terraform.tfstate"
    assert eventually(lambda: state.exists() and state.read_text().count('"tainted"') == 2)
    assert len(place.cli.resources(place.workspace(""))) == 2
    assert place.marked() == []  # a command that Terraform had begun lives on without it, until somebody looks


def test_after_a_kill_the_next_engine_ends_what_is_left_and_builds_each_server_once(place: Place) -> None:
    killed(place, "--before", "1", when=started(place))

    place.build(place.sandbox())

    assert place.marked() == []
    assert set(place.instances()) == {"b1", "b2"}
    assert len(place.cli.resources(place.sandbox())) == 2
    assert place.cli.plan(place.sandbox("--refuse", "nobody")).changes  # the control changed: the state knows what built it
    assert place.cli.plan(place.sandbox()).changes == ()


def test_after_a_kill_an_abort_destroys_what_was_half_made(place: Place) -> None:
    killed(place, "--after", "20", when=lambda: len(place.instances()) == 2)

    assert len(place.cli.resources(place.workspace(""))) == 2
    place.destroy()

    assert place.marked() == []
    assert place.instances() == {}


def test_a_home_is_cleared_of_what_dead_engines_left_without_a_word_about_their_steps(place: Place) -> None:
    killed(place, "--before", "60", when=started(place))

    end_orphans(place.home, place.mark, grace_s=5.0)

    assert place.marked() == []


# ---------------------------------------------------------------- two engines


def test_a_workspace_where_another_engine_works_is_refused(place: Place) -> None:
    slow = place.sandbox("--before", "1")
    place.cli.plan(slow)
    over = threading.Event()
    worker = threading.Thread(target=lambda: place.cli.apply(slow, stopping=over.is_set, on_event=place.events.append))
    worker.start()
    try:
        assert eventually(started(place))
        with pytest.raises(Retryable) as caught:
            place.cli.plan(slow)
        assert end_orphans(place.home, place.mark) == 0
    finally:
        worker.join()

    assert caught.value.code == "A140"
    assert set(place.instances()) == {"b1", "b2"}
