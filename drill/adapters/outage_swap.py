"""Cuts a site off by swapping one attribute of each of its resources, and gives it back exactly: the same rules for every cloud."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from drill.adapters.outage_held import Held, Holding, nothing_held
from drill.adapters.outage_parts import Part, Sort, State
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, InDoubt, Retryable, StepError

_AT_ONCE: Final = 8
_OUTAGE: Final = frozenset({"outage"})


@dataclass(frozen=True)
class SiteParts:
    """What a site consists of, as far as a drill may touch it: resources with all of `tags`, at most `cap` of them."""

    method: str
    tags: Mapping[str, str]
    cap: int
    sorts: Sequence[Sort]
    spares: Sequence[str] = ()
    beside: Callable[[], Sequence[str]] = tuple
    """Finds what carries the tags and is of no sort that can be cut, a sentence each. Changes nothing."""


class SwapOutage:
    """Port Outage over sorts of resources. Every change is read first and, after doubt, read back; nothing is done blindly.

    `settle_s` is how long a change may take to become real, `hold` opens connections before a cut that must be dead after it.
    """

    def __init__(
        self,
        sites: Mapping[str, SiteParts],
        *,
        settle_s: float = 300.0,
        poll_s: float = 3.0,
        sleep: Callable[[float], None] = time.sleep,
        now_s: Callable[[], float] = time.monotonic,
        hold: Callable[[str], Holding] = nothing_held,
    ) -> None:
        self._sites = dict(sites)
        self._settle_s = settle_s
        self._poll_s = poll_s
        self._sleep = sleep
        self._now_s = now_s
        self._hold = hold

    def preview(self, site: str) -> list[Effect]:
        parts, effects = self._of(site), {}
        for sort, part in _uncut(parts):
            if sort.makes:
                made = f"{site}/{sort.makes}-{part.network}"
                effects[made] = Effect(
                    verb=Verb.CREATE, target=made, detail="lets nothing through", tags=dict(parts.tags), undo="automatic"
                )
            detail = f"{sort.doing} ({part.note})" if part.note else sort.doing
            target = f"{site}/{part.id}"
            effects[target] = Effect(verb=sort.verb, target=target, detail=detail, tags=dict(part.tags), undo="automatic", marks=_OUTAGE)
        return list(effects.values())

    def snapshot(self, site: str) -> Mapping[str, Any]:
        """Rows of `kind`, `id`, `network` and `was` of everything that is not cut yet. Raises: Fatal: nothing opted in (A219)."""
        parts = self._of(site)
        rows = [{"kind": sort.kind, "id": part.id, "network": part.network, "was": list(part.state)} for sort, part in _uncut(parts)]
        if not rows:
            tags = ", ".join(f"{key}={value}" for key, value in parts.tags.items())
            fix = f"Tag what the drill may cut off with {tags}."
            raise Fatal(f"nothing of {site} can be cut off: no resource carries its opt-in tags.", code="A219", fix=fix)
        return {"method": parts.method, "parts": rows}

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        parts, rows = self._of(site), _rows(site, snapshot)
        if len(rows) > parts.cap:
            what = f"{len(rows)} resources of {site} would be cut off, more than the {parts.cap} that the limits allow."
            raise Fatal(what, code="A215", fix="Take the opt-in tag from some, or raise limits.max_changes on purpose.")
        pairs = _sorted_rows(parts, rows)
        cuts = {sort.kind: sort.cuts() for sort in parts.sorts}
        self._each(pairs, lambda sort, row: _last_look(parts, sort, row, cuts[sort.kind]))  # all of them, before any is touched
        for sort in parts.sorts:
            sort.rehearse([row["id"] for row in rows if row["kind"] == sort.kind])
        left = [*(text for sort in parts.sorts for text in sort.left()), *parts.beside()]
        holding = self._hold(site)
        try:
            targets = {(sort.kind, row["network"]): sort.prepare(row["network"]) for sort, row in pairs}

            def cut(sort: Sort, row: Mapping[str, Any]) -> None:
                now = _last_look(parts, sort, row, cuts[sort.kind])
                if now is not None and now.state != (target := targets[(sort.kind, row["network"])]):
                    self._swap(sort, now, target)

            self._each(pairs, cut)
            self._each(pairs, lambda sort, row: self._settled(sort, row["id"]))
            held = holding.after()
        finally:
            holding.close()
        names = [f"{row['kind']} {row['id']}" for row in rows]
        return {
            "method": parts.method,
            "cut": names,
            "not_cut": [*left, *_spared(parts, rows), *_alive(held)],
            "held": [row.told() for row in held],
        }

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        """Everything that can be given back is, before the first error is raised."""
        parts, rows = self._of(site), _rows(site, snapshot)
        cuts = {sort.kind: sort.cuts() for sort in parts.sorts}
        self._each(_sorted_rows(parts, rows), lambda sort, row: self._give_back(sort, row, cuts[sort.kind]))
        self._each(_sorted_rows(parts, rows), lambda sort, row: self._settled(sort, row["id"]))
        for sort in parts.sorts:
            sort.clear()

    def isolated(self, site: str) -> bool:
        """Something stands in a quarantine; where a sort has none, as with machines, everything of it is cut."""
        sorts = self._of(site).sorts
        marked = [sort for sort in sorts if sort.marked]
        if marked:
            return any(part.state in cuts for sort in marked if (cuts := sort.cuts()) for part in sort.find())
        found = [part.state in cuts for sort in sorts if (cuts := sort.cuts()) for part in sort.find() if not part.fenced]
        return bool(found) and all(found)

    def _of(self, site: str) -> SiteParts:
        if site not in self._sites:
            raise Fatal(f"there is no site {site!r}.", code="A250", fix=f"The sites are {', '.join(self._sites)}.")
        return self._sites[site]

    def _each(self, rows: Sequence[tuple[Sort, Mapping[str, Any]]], act: Callable[[Sort, Mapping[str, Any]], object]) -> None:
        """Act on every row, some at once: a site is lost in one moment. Raises: StepError: the worst of them, after all were tried."""

        def tried(pair: tuple[Sort, Mapping[str, Any]]) -> StepError | None:
            try:
                act(*pair)
            except StepError as error:
                return error
            return None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            failed = [error for error in pool.map(tried, rows) if error is not None]
        if failed:
            raise max(failed, key=lambda error: (error.in_doubt, not error.retryable))

    def _give_back(self, sort: Sort, row: Mapping[str, Any], cuts: set[State]) -> None:
        now, was = self._settled(sort, row["id"]), tuple(row["was"])
        if now is None:
            what = f"the {sort.kind} {row['id']} is gone; it had {_words(was)}."
            raise Fatal(what, code="A214", fix="See who removed it, and make it anew if it is needed.")
        if now.state == was or now.fenced:
            return
        if now.state not in cuts:
            raise _changed(sort, now, was)
        self._swap(sort, now, was)

    def _swap(self, sort: Sort, part: Part, state: State) -> None:
        """Raises: InDoubt: it is unknown whether it happened (A350)."""
        try:
            sort.swap(part, state)
        except StepError as failed:
            try:
                now = self._settled(sort, part.id)
            except StepError as unread:
                if isinstance(failed, Fatal):
                    raise failed from unread
                what = f"it is unknown whether the {sort.kind} {part.id} has {_words(state)} now: {unread.what}"
                raise InDoubt(what, code="A350", fix="Look at it in the provider's console before anything else.") from unread
            if now is None or now.state != state:
                raise

    def _settled(self, sort: Sort, resource: str) -> Part | None:
        """A resource that is on its way to no other state. Raises: Retryable: it takes too long (A123)."""
        until_s = self._now_s() + self._settle_s
        while True:
            now = sort.read(resource)
            if now is None or now.settled:
                return now
            if self._now_s() >= until_s:
                what = f"the {sort.kind} {resource} is not {_words(now.state)} after {self._settle_s:.0f} s."
                raise Retryable(what, code="A123", fix="See what the provider says of it; the same try may succeed later.")
            self._sleep(self._poll_s)


def _rows(site: str, snapshot: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "parts" not in snapshot:
        what = f"nothing is written down of how {site} was."
        raise Fatal(
            what, code="A216", fix="Only a drill that wrote it down can give it back; else do it by hand, from the provider's console."
        )
    return list(snapshot["parts"])


def _sorted_rows(parts: SiteParts, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Sort, Mapping[str, Any]]]:
    sorts = {sort.kind: sort for sort in parts.sorts}
    strange = {row["kind"] for row in rows} - sorts.keys()
    if strange:
        what = f"what is written down names {', '.join(sorted(strange))}, which is not cut off by {parts.method}."
        raise Fatal(what, code="A216", fix="Use the scenario that the drill began with.")
    return [(sorts[row["kind"]], row) for row in rows]


def _uncut(parts: SiteParts) -> Iterator[tuple[Sort, Part]]:
    for sort in parts.sorts:
        cuts = sort.cuts()
        yield from ((sort, part) for part in sort.find() if part.state not in cuts)


def _last_look(parts: SiteParts, sort: Sort, row: Mapping[str, Any], cuts: set[State]) -> Part | None:
    """The resource as it is now; None when it is cut already. Raises: Fatal: it lost its tag (A213), is gone or changed (A214)."""
    now, was = sort.read(row["id"]), tuple(row["was"])
    if now is None:
        raise Fatal(f"the {sort.kind} {row['id']} is gone.", code="A214", fix="Start again with what there is now.")
    if now.state in cuts:
        return None
    lost = [f"{key}={value}" for key, value in parts.tags.items() if now.tags.get(key) != value]
    if lost:
        what = f"the {sort.kind} {row['id']} does not carry {', '.join(lost)} any more: it was not touched."
        raise Fatal(what, code="A213", fix="Ask who took it out of the drill.")
    if now.state != was:
        raise _changed(sort, now, was)
    return now


def _changed(sort: Sort, now: Part, was: State) -> Fatal:
    what = f"somebody else changed the {sort.kind} {now.id}: it has {_words(now.state)}, expected {_words(was)}."
    return Fatal(what, code="A214", fix="See who changes it (another drill, a controller, a person); it was left as it is.")


def _spared(parts: SiteParts, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    used = {row["kind"] for row in rows}
    return list(dict.fromkeys([*(text for sort in parts.sorts if sort.kind in used for text in sort.spares), *parts.spares]))


def _alive(held: Sequence[Held]) -> list[str]:
    return [f"a connection to {row.address} that was open before: it still answers" for row in held if row.alive]


def _words(state: State) -> str:
    return ", ".join(state) or "none"
