"""A spool holds batches oldest first, whole or not at all, no more than fits, and for one agent."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from drill.adapters.vantage_spool import Spool
from drill.model.errors import UsageError
from drill.model.vantage_wire import Batch
from tests.engine.vantage_samples import sampled


def batch(k: int, drill: str = "d") -> Batch:
    return Batch(drill=drill, samples=(sampled(k),))


def test_the_oldest_comes_first_also_for_the_next_agent(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for k in range(12):
        assert spool.put(batch(k))
    spool.close()

    then = Spool(tmp_path)
    found = []
    while (first := then.first()) is not None:
        found.append(first.samples[0].k)
        then.drop_first()

    assert found == list(range(12))
    assert list(tmp_path.glob("*.json")) == []


def test_when_it_is_full_the_oldest_goes_and_is_counted(tmp_path: Path) -> None:
    size = max(len(batch(k).model_dump_json()) for k in range(1, 6))
    spool = Spool(tmp_path, most_bytes=3 * size + 10)
    for k in range(1, 6):
        spool.put(batch(k))

    first = spool.first()
    assert first is not None
    assert (first.samples[0].k, spool.count(), spool.lost) == (3, 3, {"the spool was full": 2})


def test_a_file_that_cannot_be_read_is_passed_over_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(batch(1))
    spool.put(batch(2))
    spool.close()
    min(tmp_path.glob("*.json")).write_text('{"drill": "d", "samp')

    then = Spool(tmp_path)

    assert then.first() == batch(2)
    assert then.lost == {"they could not be read": 1}


def test_a_disk_that_takes_nothing_is_said_and_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)

    def full(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    assert not spool.put(batch(1))
    assert (spool.count(), spool.first()) == (0, None)
    assert [path.name for path in tmp_path.iterdir()] == ["agent.lock"]


def test_a_second_agent_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    first = Spool(tmp_path)

    with pytest.raises(UsageError, match="another `drill probe`") as refused:
        Spool(tmp_path)

    assert refused.value.code == "U052"
    first.close()
    Spool(tmp_path).close()


def test_what_the_last_agent_puts_down_as_it_leaves_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object) -> None:
        (tmp_path / "00000000000000000001-1.json").write_text(batch(7).model_dump_json())

    monkeypatch.setattr(fcntl, "flock", leave)
    spool = Spool(tmp_path)

    first = spool.first()

    assert first is not None
    assert first.samples[0].k == 7


def test_a_spool_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be used") as refused:
        Spool(tmp_path / "file")

    assert (refused.value.code, "--spool" in refused.value.fix) == ("U053", True)
