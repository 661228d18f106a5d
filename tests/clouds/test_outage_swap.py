"""Laws of cutting off and giving back, over resources in memory: whatever happens in between, the way back leads to how it was."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.outage_held import Connections, nothing_held
from drill.adapters.outage_parts import Part, State
from drill.adapters.outage_swap import SiteParts, SwapOutage
from drill.model.effects import Verb
from drill.model.errors import InDoubt, Retryable, StepError
from tests.adapters.loopback import say, serving
from tests.adapters.pg_pair import free_port

TAGS = {"drill": "allowed"}
CUT: State = ("quarantine",)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Memory:
    """Resources in memory (as Sort). `failing`: how the next swaps end: not carried out, carried out unheard, or well."""

    kind, verb, doing, makes, marked = "thing", Verb.UPDATE, "cut", "", True
    spares: Sequence[str] = ()

    def __init__(self, states: Sequence[State], failing: Sequence[str] = ()) -> None:
        self.states = {f"t{number}": state for number, state in enumerate(states)}
        self.failing = list(failing)
        self.unread = False
        self.slow = 0
        self.swapped: list[str] = []
        self._lock = threading.Lock()

    def find(self) -> list[Part]:
        return [Part(name, state, TAGS) for name, state in self.states.items()]

    def read(self, resource: str) -> Part | None:
        if self.unread:
            raise Retryable("no answer.", code="A124")
        with self._lock:
            self.slow = max(0, self.slow - 1)
            return Part(resource, self.states[resource], TAGS, settled=not self.slow) if resource in self.states else None

    def cuts(self) -> set[State]:
        return {CUT}

    def prepare(self, network: str) -> State:
        return CUT

    def rehearse(self, resources: Sequence[str]) -> None:
        """Nothing to ask."""

    def swap(self, part: Part, state: State) -> None:
        with self._lock:
            how = self.failing.pop() if self.failing else "well"
            if how != "lost":
                self.states[part.id] = state
                self.swapped.append(part.id)
            if how != "well":
                raise Retryable("no answer.", code="A124")

    def clear(self) -> None:
        """Nothing was made."""

    def left(self) -> list[str]:
        return []


def outage_of(memory: Memory, **timing: Any) -> SwapOutage:
    return SwapOutage({"primary": SiteParts("swap", TAGS, 100, [memory])}, sleep=lambda _s: None, **timing)


states = st.lists(st.tuples(st.sampled_from(["a", "b", "c"])) | st.just(("a", "b")), min_size=1, max_size=12)
ends = st.lists(st.sampled_from(["lost", "unheard", "well"]), max_size=20)


@given(states, ends)
def test_however_calls_end_the_way_back_leads_to_how_it_was_once_calls_end_well(was: list[State], how: list[str]) -> None:
    memory = Memory(was, how)
    before = dict(memory.states)
    snapshot = outage_of(memory).snapshot("primary")
    for act in ("isolate", "restore", "isolate"):
        try:
            getattr(outage_of(memory), act)("primary", snapshot)
        except StepError:
            continue
    memory.failing.clear()

    outage_of(memory).restore("primary", snapshot)

    assert memory.states == before


@given(states)
def test_a_change_that_was_carried_out_unheard_is_not_made_again(was: list[State]) -> None:
    memory = Memory(was, ["unheard"] * len(was))
    outage = outage_of(memory)

    outage.isolate("primary", outage.snapshot("primary"))

    assert sorted(memory.swapped) == sorted(memory.states)
    assert set(memory.states.values()) == {CUT}


def test_what_can_neither_be_changed_nor_read_back_is_in_doubt() -> None:
    class Silent(Memory):
        def swap(self, part: Part, state: State) -> None:
            self.unread = True
            raise Retryable("no answer.", code="A124")

    outage = outage_of(Silent([("a",)]))

    with pytest.raises(InDoubt) as doubt:
        outage.isolate("primary", outage.snapshot("primary"))

    assert doubt.value.code == "A350"


def test_the_cut_is_over_only_when_every_change_has_arrived_and_not_later_than_it_may_take() -> None:
    memory = Memory([("a",), ("b",)])
    memory.slow = 30
    snapshot = outage_of(memory).snapshot("primary")
    outage_of(memory).isolate("primary", snapshot)
    assert memory.slow == 0

    memory.slow = 10**6
    ticks = iter(range(1000))
    with pytest.raises(Retryable) as late:
        outage_of(memory, settle_s=60.0, now_s=lambda: float(next(ticks))).restore("primary", snapshot)
    assert late.value.code == "A123"


def test_a_connection_that_outlives_the_cut_is_named_among_what_was_not_cut() -> None:
    def for_ever(peer: Any) -> None:
        while peer.recv(4096):
            peer.sendall(ANSWER)

    with serving(for_ever) as server:
        address, nobody = f"127.0.0.1:{server.port}", f"127.0.0.1:{free_port()}"
        memory = Memory([("a",)])
        outage = outage_of(memory, hold=lambda _site: Connections([address, nobody]))

        found = outage.isolate("primary", outage.snapshot("primary"))

    assert found["held"] == [{"address": address, "state": "alive"}, {"address": nobody, "state": "not opened"}]
    assert found["not_cut"] == [f"a connection to {address} that was open before: it still answers"]


def test_a_connection_that_dies_with_the_cut_proves_it() -> None:
    with serving(say(ANSWER)) as server:
        held = Connections([f"127.0.0.1:{server.port}"])

        assert [row.told()["state"] for row in held.after()] == ["cut"]
        held.close()
    assert nothing_held("primary").after() == []
