"""What to improve: at most three changes, ranked by what each alone would have saved of the recovery time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drill.model.attempts import Work
from drill.model.clocks import noticed_ms
from drill.model.courses import Course
from drill.model.critical_path import CriticalPath
from drill.model.events import Kind
from drill.model.plan import PlannedStep
from drill.model.questions import Question, holds
from drill.model.recovery import LARGEST_GAP_MS, Recovery
from drill.model.report import FixRow, Label
from drill.model.rows_people import phases_title
from drill.model.schedule import Clip, Schedule
from drill.model.spans import milliseconds, seconds, total, within
from drill.model.telling import label, said
from drill.model.timeline import Timeline

MOST: Final = 3
LEAST_MS: Final = 100
"""Saving less than this is not worth a line."""


@dataclass(frozen=True)
class _Idea:
    title: Label
    why: Label
    clip: Clip
    saves_ms: int | None = None
    """What it saves when the schedule need not be asked."""


@dataclass(frozen=True)
class Ground:
    """What the ideas look at."""

    timeline: Timeline
    courses: Mapping[str, Course]
    works: Mapping[str, Work]
    asked: Mapping[str, Question]
    path: CriticalPath
    recovery: Recovery


def fixes(ground: Ground) -> tuple[FixRow, ...]:
    """The best ideas with the recovery time each would have given; without a measured one, what kept it from being measured."""
    recovery = ground.recovery
    if recovery.actual_ms is None or recovery.window is None:
        return tuple(_obstacles(ground))[:MOST]
    schedule = Schedule(ground.courses, ground.works, ground.asked, recovery.window)
    target = milliseconds(ground.timeline.plan.objectives.rto_s)
    concrete = [idea for source in (_gates, _holds, _budgets, _detection, _switches, _tries) for idea in source(ground)]
    best = _ranked(schedule, concrete)[:MOST]
    best = _ranked(schedule, [*(idea for _, idea in best), *_longest(ground)]) if len(best) < MOST else best
    return tuple(_fix(idea, saves=saves, actual=recovery.actual_ms, target=target) for saves, idea in best)


def _ranked(schedule: Schedule, ideas: Sequence[_Idea]) -> list[tuple[int, _Idea]]:
    """Ideas worth a line with what each saves, the best first."""
    rows = [(schedule.saved_ms(idea.clip) if idea.saves_ms is None else idea.saves_ms, idea) for idea in ideas]
    return sorted((row for row in rows if row[0] >= LEAST_MS), key=lambda row: -row[0])


def _fix(idea: _Idea, *, saves: int, actual: int, target: int) -> FixRow:
    would_be = max(0, actual - saves)
    return FixRow(title=idea.title, why=idea.why, saves_s=seconds(saves), rto_would_be_s=seconds(would_be), would_meet=would_be <= target)


def _gates(ground: Ground) -> Iterator[_Idea]:
    now_ms = ground.timeline.now_ms
    for question in ground.asked.values():
        gate = next((one for one in ground.timeline.plan.gates if one.id == question.id), None)
        if gate is None or gate.by_hand or question.answered_ms is None or (gate.at == "after" and not gate.blocking):
            continue
        name, wait = phases_title(ground.timeline.plan, question.phases), question.wait_ms(now_ms)
        if question.late(now_ms):
            limit = said(question.within_ms)
            title = label(f"Answer “{name.en}” within {limit}", f"在 {limit} 内答复“{name.zh}”")
            why = label(f"The answer took {said(wait)}.", f"答复用了 {said(wait)}。")
            yield _Idea(title, why, Clip(gates={question.id: wait - question.within_ms}))
        else:
            title = label(f"Let “{name.en}” go on without waiting for the answer", f"“{name.zh}”不等待答复继续执行")
            why = label(f"{said(wait)} were spent waiting for a person.", f"等待人工答复用了 {said(wait)}。")
            yield _Idea(title, why, Clip(gates={question.id: wait}))


def _holds(ground: Ground) -> Iterator[_Idea]:
    """Nothing runs on hold, so all of it that lies in the recovery is saved by deciding at once."""
    window = ground.recovery.window
    held = 0 if window is None else total(within(holds(ground.timeline), *window))
    if held:
        title = label("Decide at once when the drill goes on hold", "演练暂停时立即作出决定")
        yield _Idea(title, label(f"It stood still for {said(held)}.", f"暂停了 {said(held)}。"), Clip(), saves_ms=held)


def _budgets(ground: Ground) -> Iterator[_Idea]:
    for course in ground.courses.values():
        budget_s, work = course.planned.budget_s, course.work_ms
        if course.failback or budget_s is None or work is None or work <= milliseconds(budget_s):
            continue
        title, budget = course.planned.title, milliseconds(budget_s)
        yield _Idea(
            label(f"Bring “{title.en}” back into its budget of {said(budget)}", f"将“{title.zh}”控制在预算 {said(budget)} 内"),
            label(f"Its work took {said(work)}.", f"执行用了 {said(work)}。"),
            Clip(phases={course.id: budget}),
        )


def _detection(ground: Ground) -> Iterator[_Idea]:
    noticed, outage = noticed_ms(ground.timeline), ground.timeline.outage_ms
    detectors = [work for work in ground.works.values() if work.planned.kind == "detect.heartbeat" and work.start_ms is not None]
    if noticed is None or outage is None or not detectors:
        return
    took = noticed - outage
    yield _Idea(
        label("Detect twice as fast", "将故障发现时间减半"),
        label(f"The outage was noticed after {said(took)}.", f"故障在 {said(took)} 后被发现。"),
        Clip(steps={detectors[0].planned.id: took // 2}),
    )


def _switches(ground: Ground) -> Iterator[_Idea]:
    for work, took in _drill_steps(ground):
        if work.planned.kind == "dns.switch":
            ttl = work.planned.params.get("ttl", "?")
            yield _Idea(
                label("Make DNS settle twice as fast", "将 DNS 生效时间减半"),
                label(f"The switch took {said(took)} with a TTL of {ttl}.", f"切换用了 {said(took)}，TTL 为 {ttl}。"),
                Clip(steps={work.planned.id: took // 2}),
            )


def _tries(ground: Ground) -> Iterator[_Idea]:
    for work, _ in _drill_steps(ground):
        lost = work.tries[-1].start_ms - work.tries[0].start_ms
        if lost > 0:
            name = work.planned.title
            yield _Idea(
                label(f"Make “{name.en}” succeed at the first try", f"让“{name.zh}”一次成功"),
                label(
                    f"It took {len(work.tries)} tries; {said(lost)} went before the last.",
                    f"共尝试 {len(work.tries)} 次，此前用去 {said(lost)}。",
                ),
                Clip(steps={work.planned.id: lost}),
            )


def _longest(ground: Ground) -> Iterator[_Idea]:
    """Only when there is little else to say: any long step could be shorter."""
    rows = [(took, work) for work, took in _drill_steps(ground) if work.planned.id in ground.path.steps and _ours(work.planned)]
    if not rows:
        return
    took, work = max(rows, key=lambda row: row[0])
    name = work.planned.title
    yield _Idea(
        label(f"Make “{name.en}” twice as fast", f"将“{name.zh}”的用时减半"),
        label(f"The longest step on the critical path: {said(took)}.", f"关键路径上最长的步骤：{said(took)}。"),
        Clip(steps={work.planned.id: took // 2}),
    )


def _ours(step: PlannedStep) -> bool:
    """Steps that only watch cannot be made faster by themselves, and the switch has a line of its own."""
    return step.kind not in {"detect.heartbeat", "probe.until", "dns.switch"}


def _drill_steps(ground: Ground) -> Iterator[tuple[Work, int]]:
    for work in ground.works.values():
        if not work.failback and work.start_ms is not None and work.end_ms is not None:
            yield work, work.end_ms - work.start_ms


def _obstacles(ground: Ground) -> Iterator[FixRow]:
    """What to repair before a recovery can be measured at all."""
    for work in ground.works.values():
        if work.state == "failed":
            name = work.planned.title
            yield _obstacle(label(f"Repair “{name.en}”", f"修复“{name.zh}”"), label(f"{work.error} {work.fix}".strip(), work.error))
    for question in ground.asked.values():
        if question.state in {"declined", "expired"}:
            yield _unanswered(phases_title(ground.timeline.plan, question.phases), declined=question.state == "declined")
    if ground.recovery.silent:
        place = ground.recovery.probe.partition("@")[2]
        yield _obstacle(label(f"Keep `drill probe` running at {place}", f"保证 {place} 的 `drill probe` 持续运行"), ground.recovery.why)
    elif ground.recovery.gap_ms > LARGEST_GAP_MS:
        gap = said(ground.recovery.gap_ms)
        yield _obstacle(label("Keep the observer sampling", "保证观测进程持续采样"), label(f"It was silent for {gap}.", f"中断了 {gap}。"))
    promoted = any(work.planned.no_return and work.state == "succeeded" for work in ground.works.values())
    if promoted and ground.timeline.over_ms is not None and not ground.timeline.of(Kind.CANARY_FOUND):
        yield _obstacle(label("Read the canary back", "回读探针数据"), label("The data loss is unmeasured.", "数据丢失未测量。"))


def _unanswered(name: Label, *, declined: bool) -> FixRow:
    if declined:
        return _obstacle(
            label(f"Settle why “{name.en}” was declined", f"弄清“{name.zh}”被拒绝的原因"), label("A person said no.", "有人拒绝。")
        )
    title = label(f"Make sure somebody answers “{name.en}” in time", f"确保“{name.zh}”有人及时答复")
    return _obstacle(title, label("Nobody answered.", "无人答复。"))


def _obstacle(title: Label, why: Label) -> FixRow:
    return FixRow(title=title, why=why, saves_s=None, rto_would_be_s=None, would_meet=None)
