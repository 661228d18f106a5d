"""Carries out programs and calls for the steps on a team's own ground, and says of each failure whether trying again is safe."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from drill.model.durations import format_duration
from drill.model.errors import Fatal, Retryable, StepError
from drill.model.own_forms import IDEMPOTENT, CallForm, Expect
from drill.model.ports import Answered, Attempt, Command, Ended, World

LOOK_S = 10.0
"""How long a program that only looks may take."""
_LAST_WORDS = 200


@dataclass(frozen=True)
class Doubt:
    """What is known when nobody saw how something ended."""

    converges: bool
    """Doing it again is harmless."""
    done: Callable[[], bool | None]
    """Looks whether it has worked; nothing when that cannot be told."""


def ended_well(command: Command, world: World, attempt: Attempt, *, doubt: Doubt, about: str = "") -> Ended | None:
    """Run a program to a good end and keep its output; nothing when it was cut short but can be seen to have worked.

    `about` tells one of several programs of a step.

    Raises: Retryable: it failed (A183). Fatal: nobody knows what it has done (A291), or it cannot be started (A280).
    """
    ended = world.own.commands.run(command, timeout_s=attempt.remaining_s(), stopping=attempt.stopping)
    output = f"{ended.stdout}\n--- errors\n{ended.stderr}" if ended.stderr else ended.stdout
    name = "-".join(part for part in (attempt.step, about, str(attempt.number)) if part)
    kept = attempt.artifact(f"{name}.txt", output.encode()) if output else ""
    attempt.progress("ended" if ended.state == "ended" else f"{ended.state}", exit_code=ended.exit_code, took_s=ended.took_s, output=kept)
    if ended.state == "ended" and ended.exit_code == 0:
        return ended
    if ended.state == "ended":
        what = f"{command.argv[0]} ended with {ended.exit_code}: {_last_words(ended)}"
        raise Retryable(what, code="A183", fix="See its whole output among the artifacts of this step.")
    what = f"{command.argv[0]} was cut short ({ended.state})"
    _settle(what, doubt, Retryable(f"{what} before it was done.", code="A183", fix="Give it more `timeout`, or see why it hangs."))
    return None


def _settle(what: str, doubt: Doubt, again: StepError, *, harmless: bool = False) -> None:
    """Return when it can be seen to have worked. Raises: StepError: `again` where repeating is safe, else that nobody knows (A291)."""
    done = doubt.done()
    if done:
        return
    if done is False or doubt.converges or harmless:
        raise again
    raise Fatal(
        f"{what}: nobody knows whether it has done its work, so it is not done again.",
        code="A291",
        fix="Look by hand, then `drill retry` or `drill skip`; with a `check` the drill would look itself.",
    )


def _last_words(ended: Ended) -> str:
    lines = [line for line in (ended.stderr or ended.stdout).strip().splitlines() if line.strip()]
    return lines[-1].strip()[-_LAST_WORDS:] if lines else "it said nothing"


def answered_well(form: CallForm, world: World, attempt: Attempt, *, doubt: Doubt, key: str = "", target: str = "") -> Answered | None:
    """Send a call to a good answer; nothing when none came but it can be seen to have worked. `key` names the header that tells repeats.

    Raises: Retryable: it certainly did nothing, or may be sent again (A184). Fatal: it is refused (A292), or nobody knows (A291).
    """
    call = form.call({key: f"{attempt.drill}/{attempt.step}"} if key else None, target=target)
    answer = world.own.http.send(call, timeout_s=max(0.1, min(form.within, attempt.remaining_s())))
    place = f"{call.method} {call.url.partition('?')[0]}"
    said = {"status": answer.status} if answer.status else {"error": answer.error}
    attempt.progress("answered" if answer.status else "no answer", call=place, took_s=answer.took_s, **said)
    unmet = form.expect.unmet(answer)
    if not unmet:
        return answer
    what = f"{place}: {unmet}"
    if not answer.sent:
        raise _untouched(Retryable(f"{what}.", code="A184", fix="See that it is up and can be reached from here."))
    harmless = bool(key) or call.method in IDEMPOTENT
    if not answer.status or answer.status >= 500 or answer.status in {408, 429}:
        again = Retryable(f"{what}.", code="A184", fix="Trying again is safe; see what the server's log says.")
        _settle(what, doubt, again, harmless=harmless)
        return None
    raise Fatal(f"{what}.", code="A292", fix="Correct the call, or what is expected of it.")


def _untouched(error: StepError) -> StepError:
    error.untouched = True
    return error


def looks_done(form: CallForm, world: World, *, target: str = "") -> bool | None:
    """Whether the answer to a read-only call is as expected; nothing when there is no answer."""
    answer = world.own.http.look(form.call(target=target), timeout_s=form.within)
    return None if answer is None or not answer.status else not form.expect.unmet(answer)


def until_true(look: Callable[[], str], what: str, world: World, attempt: Attempt, *, within_s: float, every_s: float) -> tuple[int, float]:
    """Look again and again until nothing is wrong; how often it was looked, and the seconds it took.

    `look` says what is wrong, empty when nothing is. Raises: Retryable: it was stopped (A186), or still wrong at the end (A185).
    """
    begun_s, looks, said = world.clock.mono_s(), 0, ""
    while True:
        due_s = world.clock.mono_s() + every_s
        wrong = look()
        looks += 1
        took_s = world.clock.mono_s() - begun_s
        if not wrong:
            return looks, round(took_s, 3)
        if wrong != said:
            attempt.progress(f"not yet: {wrong}")
            said = wrong
        if attempt.stopping():
            raise Retryable(f"looking at {what} was stopped: {wrong}.", code="A186", fix="Nothing was changed: looking again is safe.")
        left_s = min(within_s, math.inf) - took_s
        if left_s <= 0:
            took = f" within {format_duration(within_s)}" if within_s else ""
            raise Retryable(f"{what} is not as it must be{took}: {wrong}.", code="A185", fix="See what it says; nothing was changed.")
        world.clock.sleep(max(0.0, min(due_s - world.clock.mono_s(), left_s)))


def expected(answer: Answered | None, expect: Expect) -> str:
    """What is wrong with an answer; nobody may be asked in a dry run, which is wrong too."""
    return "nobody was asked" if answer is None else expect.unmet(answer)
