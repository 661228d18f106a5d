"""What a drill built with Terraform: where it answers, how long each thing was there, and what that comes to at the user's own prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from drill.model.events import Fact, Kind
from drill.model.plan import PlannedStep
from drill.model.plan_prices import Prices, without_indexes
from drill.model.report import BuiltRow
from drill.model.spans import seconds
from drill.model.timeline import Timeline

APPLY: Final = "terraform.apply"
DESTROY: Final = "terraform.destroy"
_HOUR_S: Final = 3600.0


def type_of(address: str) -> str:
    """The type in a resource's address: `aws_lb` of `module.site.aws_lb.site["a"]`; all of what is no address."""
    *_, kind, _name = ["", *(without_indexes(address).split("."))]
    return kind or address


def free_of_charge(kind: str) -> bool:
    """Whether a type is Terraform's own, which nobody charges for."""
    return kind.startswith("terraform_")


def sites_by_address(timeline: Timeline) -> dict[str, str]:
    """The site that each address belongs to which a rebuild put out: no plan can know it."""
    found: dict[str, str] = {}
    for planned, fact in _ends(timeline, APPLY):
        addresses = fact.data["outputs"].get("addresses")
        named = [address for address in addresses if isinstance(address, str)] if isinstance(addresses, list) else []
        found |= dict.fromkeys(named, str(planned.params.get("site", "standby")))  # the step's own default
    return found


def built_rows(timeline: Timeline) -> tuple[BuiltRow, ...]:
    """A row for each type that a provider may charge for, in alphabetical order. What is still there counts until the last fact."""
    held = _holds(timeline)
    types = sorted({type_of(row.address) for row in held})
    return tuple(_row(kind, [row for row in held if type_of(row.address) == kind], timeline) for kind in types if not free_of_charge(kind))


@dataclass
class _Hold:
    """One resource from the moment it began to be made. `end_ms` is nothing while it is there."""

    address: str
    start_ms: int
    end_ms: int | None = None


def _row(kind: str, held: Sequence[_Hold], timeline: Timeline) -> BuiltRow:
    prices = timeline.plan.prices or Prices(currency="", per_hour={})
    spans = [(prices.of(row.address, kind), (timeline.now_ms if row.end_ms is None else row.end_ms) - row.start_ms) for row in held]
    priced = [price * seconds(span) / _HOUR_S for price, span in spans if price is not None]
    return BuiltRow(
        type=kind,
        count=len(held),
        held_s=seconds(sum(span for _, span in spans)),
        left=sum(row.end_ms is None for row in held),
        amount=round(sum(priced), 6) if len(priced) == len(held) else None,
    )


def _holds(timeline: Timeline) -> list[_Hold]:
    """Every resource that was made, and when it went; as the steps told, else as their outputs and the undo say."""
    ledger = _Ledger()
    steps = {step.id: step for step in timeline.plan.steps() if step.kind in {APPLY, DESTROY}}
    handlers: dict[Kind, Callable[[PlannedStep, Fact, int], None]] = {
        Kind.STEP_PROGRESSED: ledger.told,
        Kind.STEP_SUCCEEDED: ledger.succeeded,
        Kind.UNDO_DONE: ledger.undone,
    }
    for fact in timeline.of(*handlers):
        planned = steps.get(fact.data["step"])
        if planned is not None:
            handlers[fact.kind](planned, fact, timeline.ms(fact))
    return ledger.rows


class _Ledger:
    """Who built what, in the order it began."""

    def __init__(self) -> None:
        self.rows: list[_Hold] = []
        self._there: dict[tuple[str, str], _Hold] = {}

    def told(self, planned: PlannedStep, fact: Fact, ms: int) -> None:
        address, action, what = (str(fact.data.get(name, "")) for name in ("address", "action", "what"))
        if not address:
            return
        if action == "create" and not what.endswith(" failed"):
            self._begin(_builder(planned), address, ms)
        elif action == "delete" and what.endswith(" done"):
            self._end(_builder(planned), [address], ms)

    def succeeded(self, planned: PlannedStep, fact: Fact, ms: int) -> None:
        outputs = fact.data["outputs"]
        for address in outputs.get("created", ()) if planned.kind == APPLY else ():
            self._begin(_builder(planned), address, ms)
        if planned.kind == DESTROY:
            self._end(_builder(planned), outputs.get("destroyed", ()), ms)

    def undone(self, planned: PlannedStep, _fact: Fact, ms: int) -> None:
        self._end(planned.id, [address for step, address in self._there if step == planned.id], ms)

    def _begin(self, step: str, address: str, ms: int) -> None:
        if (step, address) not in self._there:
            self._there[step, address] = _Hold(address, ms)
            self.rows.append(self._there[step, address])

    def _end(self, step: str, addresses: Sequence[str], ms: int) -> None:
        for address in addresses:
            row = self._there.pop((step, address), None)
            if row is not None:
                row.end_ms = ms


def _builder(planned: PlannedStep) -> str:
    """The step that built what this one builds or removes."""
    return str(planned.params.get("of", "")) if planned.kind == DESTROY else planned.id


def _ends(timeline: Timeline, kind: str) -> Iterator[tuple[PlannedStep, Fact]]:
    steps = {step.id: step for step in timeline.plan.steps() if step.kind == kind}
    return ((steps[fact.data["step"]], fact) for fact in timeline.of(Kind.STEP_SUCCEEDED) if fact.data["step"] in steps)


def told_of(addresses: Sequence[str]) -> str:
    """How many of each type, most first: `2 aws_instance, 1 aws_lb`."""
    types = Counter(map(type_of, addresses))
    return ", ".join(f"{count} {kind}" for kind, count in sorted(types.items(), key=lambda row: (-row[1], row[0])))
