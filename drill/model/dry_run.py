"""A dry run takes time but measures nothing: its report must hold no length that could be read as measured."""

from __future__ import annotations

from drill.model.report import GateRow, PhaseRow, Report, StepRow

_NO_MOMENTS = {"finished_s": None, "outage_s": None, "detected_s": None, "no_return_s": None, "verdict_s": None, "recovery": None}


def untimed(report: Report) -> Report:
    """The same report without a time: what would happen, never how long it would take."""
    return report.model_copy(
        update={
            **_NO_MOMENTS,
            "phases": tuple(_phase(row) for row in report.phases),
            "steps": tuple(_step(row) for row in report.steps),
            "gates": tuple(_gate(row) for row in report.gates),
            "probes": (),
            "fixes": (),
        }
    )


def _phase(row: PhaseRow) -> PhaseRow:
    nothing = {"start_s": None, "end_s": None, "actual_s": None, "work_s": None, "over_budget_s": None}
    return row.model_copy(update={**nothing, "human_s": 0.0, "waits": (), "bottleneck": False})


def _step(row: StepRow) -> StepRow:
    progress = tuple(one.model_copy(update={"took_s": None}) for one in row.progress)
    return row.model_copy(update={"start_s": None, "end_s": None, "actual_s": None, "tries": (), "progress": progress})


def _gate(row: GateRow) -> GateRow:
    return row.model_copy(update={"answered_s": None, "wait_s": None, "late": False})
