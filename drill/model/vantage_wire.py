"""What travels between a vantage point and the drill: the order what to ask, the samples, and a comparison of their clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from drill.model.plan_probes import Probe

MOST_SAMPLES: Final = 400
"""So many a batch may hold; about 150 kB."""
WORST_CLOCK_S: Final = 30.0
"""A comparison of clocks that could be off by more says nothing."""
_DRIFT: Final = 1e-4
"""How fast two clocks may run apart, at most: each is kept to far less."""
CLOCK_HEADER: Final = "drill-clock"
FILE_FORMAT: Final = 1

_Seconds = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
_Short = Annotated[str, Field(max_length=80)]
Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{1,16}-\d{1,12}-\d{1,20}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkOrder(_Frozen):
    """What one vantage point asks for one drill. Probes are filled in; `resolver` is `address:port`, or empty for the host's own.

    `sites` says which site an address belongs to.
    """

    drill: str
    scenario: str
    vantage: str
    probes: tuple[Probe, ...]
    resolver: str = ""
    sites: dict[str, str] = {}


class Sampled(_Frozen):
    """One sample. Monotonic times are the agent's own; `at` is when it was sent, by the server's clock where that is known.

    `clock_offset_s` added to the agent's monotonic clock gives that of the boot `clock_boot`, to within `clock_error_s`.
    """

    probe: _Short
    epoch: Epoch
    k: int = Field(ge=0, le=10**9)
    due_s: _Seconds
    sent_s: _Seconds
    received_s: _Seconds | None
    ok: bool
    error: _Short
    site: _Short
    address: _Short
    at: AwareDatetime
    clock_offset_s: _Seconds | None = None
    clock_error_s: Annotated[float, Field(allow_inf_nan=False, ge=0, le=WORST_CLOCK_S)] | None = None
    clock_boot: Annotated[str, Field(max_length=16)] = ""


class Batch(_Frozen):
    """Samples of one vantage point for one drill."""

    drill: _Short
    samples: tuple[Sampled, ...] = Field(max_length=MOST_SAMPLES)


class FileHead(_Frozen):
    """The first line of a file of samples; every other line is one."""

    drill_samples: int
    scenario: str
    vantage: str
    probes: tuple[Probe, ...]


@dataclass(frozen=True)
class Said:
    """What a server answered. `away`: nobody knows whether it heard; `unknown`: it knows no such point, or not this key.

    `refused` is how many samples of a batch it did not want.
    """

    outcome: Literal["taken", "order", "nothing", "unknown", "over", "refused", "away"]
    order: WorkOrder | None = None
    why: str = ""
    refused: int = 0


@dataclass(frozen=True)
class ServerClock:
    """When a request came and its answer left, by the server's monotonic clock, and by its wall clock at the latter."""

    boot: str
    came_s: float
    left_s: float
    left_at: datetime

    def header(self) -> str:
        """As it stands in the answer's header."""
        return f"{self.boot} {self.came_s:.6f} {self.left_s:.6f} {self.left_at.isoformat()}"

    @classmethod
    def read(cls, header: str) -> ServerClock | None:
        """The clock in a header; nothing when it holds none."""
        parts = header.split()
        try:
            boot, came, left, at = parts
            read = cls(boot[:16], float(came), float(left), datetime.fromisoformat(at))
        except ValueError:
            return None
        return read if read.left_at.tzinfo is not None and 0 <= read.left_s - read.came_s < 1e6 else None


@dataclass(frozen=True)
class Compared:
    """One comparison of this clock with a server's, made at `made_s` of this one. As NTP does it."""

    boot: str
    offset_s: float
    error_s: float
    made_s: float
    wall_offset_s: float
    """Added to this monotonic clock it gives the server's wall time, in seconds since 1970."""

    @classmethod
    def by(cls, server: ServerClock, *, asked_s: float, heard_s: float) -> Compared:
        """From the moments a question left and its answer came, by this clock."""
        offset = ((server.came_s - asked_s) + (server.left_s - heard_s)) / 2
        error = max(0.0, (heard_s - asked_s) - (server.left_s - server.came_s)) / 2
        wall = server.left_at.timestamp() - server.left_s + offset
        return cls(server.boot, offset, error, heard_s, wall)

    def error_at(self, now_s: float) -> float:
        """How far off it may be by now."""
        return self.error_s + abs(now_s - self.made_s) * _DRIFT

    def better(self, other: Compared | None, now_s: float) -> bool:
        """Whether to go by this one rather than the other; one of another boot is out of date."""
        return other is None or other.boot != self.boot or self.error_at(now_s) <= other.error_at(now_s)
