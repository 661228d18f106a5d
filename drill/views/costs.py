"""What a drill built, as a report shows it: how long it was there, and what that comes to where the scenario says prices."""

from __future__ import annotations

from dataclasses import dataclass

from drill.model.report import BuiltRow, Label, Report
from drill.views.figures import NOTHING, length, printable
from drill.views.words import both


@dataclass(frozen=True)
class Costs:
    """`total` is empty without prices; it leaves out the `unpriced` types."""

    rows: tuple[BuiltRow, ...]
    currency: str
    total: str
    unpriced: tuple[str, ...]


def costs_of(report: Report) -> Costs:
    """The rows of what was built, and their sum."""
    amounts = [row.amount for row in report.built if row.amount is not None]
    unpriced = tuple(row.type for row in report.built if row.amount is None)
    return Costs(report.built, report.currency, money(sum(amounts), report.currency) if amounts else "", unpriced)


def money(amount: float | None, currency: str) -> str:
    """An amount in its currency, with as many decimals as tell something; a dash when there is none."""
    if amount is None or not currency:
        return NOTHING
    return f"{amount:,.2f} {currency}" if amount >= 1 or not amount else f"{amount:.4f} {currency}"


def cost_line(report: Report) -> Label | None:
    """One sentence: what was built, for how long, for how much. Nothing when nothing was."""
    if not report.built:
        return None
    costs, count = costs_of(report), sum(row.count for row in report.built)
    left = sum(row.left for row in report.built)
    still, noch = (f"; {left} still there", f"；仍有 {left} 个存在") if left else ("", "")
    if not costs.total:
        held = length(sum(row.held_s for row in report.built))
        return both(f"Built: {count} resources, held for {held} in all{still}.", f"新建资源 {count} 个，累计持有 {held}{noch}。")
    told = ", ".join(f"{row.count} {printable(row.type)} {length(row.held_s)}" for row in report.built if row.amount is not None)
    other = len(costs.unpriced)
    without, ohne = (f"; {other} types have no price", f"；{other} 种类型未标价") if other else ("", "")
    return both(f"Built: {told}: {costs.total}{without}{still}.", f"新建资源：{told}：{costs.total}{ohne}{noch}。")
