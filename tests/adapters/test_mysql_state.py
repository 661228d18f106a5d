"""How the playbooks read MySQL and MariaDB: states from the client's output, and what one GTID position lacks of another."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

_FILE = Path(__file__).parents[2] / "playbooks" / "filter_plugins" / "mysql_state.py"
_SPEC = importlib.util.spec_from_file_location("mysql_state", _FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
FILTERS: dict[str, Any] = _MODULE.FilterModule().filters()

ONE, OTHER = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "7a11fa47-71ca-11e1-9e33-c80aa9429562"
MYSQL_REPLICA = f"""*************************** 1. row ***************************
Variable_name: gtid_executed
        Value: {ONE}:1-70,
{OTHER}:1-5
*************************** 2. row ***************************
Variable_name: super_read_only
        Value: ON
*************************** 3. row ***************************
Variable_name: version
        Value: 8.0.36
*************************** 1. row ***************************
             Replica_IO_State: Reconnecting after a failed source event read
                  Source_Host: db1.example.com
                  Source_Port: 3306
           Replica_IO_Running: Connecting
          Replica_SQL_Running: Yes
                   Last_Error:
        Seconds_Behind_Source: NULL
                Last_IO_Error: error reconnecting to source
               Last_SQL_Error:
           Retrieved_Gtid_Set: {ONE}:50-75
            Executed_Gtid_Set: {ONE}:1-70,
{OTHER}:1-5
"""


def test_a_mysql_replica_is_read_with_a_position_over_several_lines_and_an_unknown_lag() -> None:
    state = FILTERS["my_state"](MYSQL_REPLICA)

    assert (state["flavour"], state["read_only"], state["replica"], state["io"]) == ("mysql", True, True, "Connecting")
    assert (state["follows"], state["behind_s"]) == ("db1.example.com:3306", None)
    assert state["position"].replace(" ", "") == f"{ONE}:1-70,{OTHER}:1-5"
    assert state["error"] == "error reconnecting to source"
    held = FILTERS["my_both"](state["received"], state["applied"], "mysql")
    assert FILTERS["my_lacking"](f"{ONE}:1-80", held, "mysql") == 5, "what was received counts, applied or not"


def test_an_output_that_is_none_is_refused_not_read_as_a_fresh_server() -> None:
    with pytest.raises(ValueError, match="version"):
        FILTERS["my_state"]("ERROR 2002: connection refused")


@pytest.mark.parametrize("position", ["0-1", "abc", "0-1-x"])
def test_a_position_that_is_none_is_refused(position: str) -> None:
    with pytest.raises(ValueError, match="GTID"):
        FILTERS["my_lacking"](position, "", "mariadb")
    with pytest.raises(ValueError, match="GTID"):
        FILTERS["my_lacking"](position, "", "mysql")


@pytest.mark.parametrize(
    ("position", "history", "errant"),
    [
        ("0-1-100", "0-1-95,0-2-120", 5),
        ("0-1-95", "0-1-95,0-2-120", 0),
        ("0-1-95", "0-1-100", 0),
        ("0-1-4,1-1-9", "0-1-4,0-2-6", 9),
        ("", "0-1-4", 0),
    ],
)
def test_writes_of_a_server_that_went_its_own_way_are_counted_even_when_the_other_is_ahead(
    position: str, history: str, errant: int
) -> None:
    assert FILTERS["my_errant"](position, history, "mariadb") == errant


SETS = st.dictionaries(st.sampled_from([ONE, OTHER, f"{ONE}:tag"]), st.sets(st.integers(1, 40), min_size=1), max_size=3)


def written(sets: dict[str, set[int]], *, ranges: bool) -> str:
    parts = []
    for source, numbers in sets.items():
        pieces, ordered = [], sorted(numbers)
        while ordered:
            first = last = ordered.pop(0)
            while ranges and ordered and ordered[0] == last + 1:
                last = ordered.pop(0)
            pieces.append(f"{first}-{last}" if last > first else str(first))
        parts.append(f"{source}:{':'.join(pieces)}")
    return ",\n".join(parts)


@given(wanted=SETS, held=SETS, more=SETS)
def test_what_a_set_lacks_is_what_counting_one_by_one_finds(
    wanted: dict[str, set[int]], held: dict[str, set[int]], more: dict[str, set[int]]
) -> None:
    both = FILTERS["my_both"](written(held, ranges=True), written(more, ranges=False), "mysql")

    lacking = FILTERS["my_lacking"](written(wanted, ranges=True), both, "mysql")

    assert lacking == sum(len(numbers - held.get(source, set()) - more.get(source, set())) for source, numbers in wanted.items())


POSITIONS = st.dictionaries(st.integers(0, 3), st.tuples(st.integers(1, 4), st.integers(1, 50)), max_size=4)


@given(one=POSITIONS, other=POSITIONS)
def test_nothing_is_lacking_of_what_both_hold_together(one: dict[int, tuple[int, int]], other: dict[int, tuple[int, int]]) -> None:
    first, second = (",".join(f"{domain}-{server}-{seq}" for domain, (server, seq) in each.items()) for each in (one, other))

    both = FILTERS["my_both"](first, second, "mariadb")

    assert FILTERS["my_lacking"](first, both, "mariadb") == FILTERS["my_lacking"](second, both, "mariadb") == 0
    assert FILTERS["my_lacking"](both, first, "mariadb") == sum(
        max(0, seq - one.get(domain, (0, 0))[1]) for domain, (_, seq) in other.items()
    )
