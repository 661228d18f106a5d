"""Shared files and overrides: what `include` brings in and what `--set` changes, each with its own place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Final

from drill.adapters.scenario_yaml_document import Document, Place, parse, read_text
from drill.model.errors import ScenarioInvalid
from drill.model.problem import Path, did_you_mean

SHARED: Final = ("contacts", "sites", "zones", "limits", "prices", "messages")
"""What a shared file may hold."""
_BY_NAME: Final = ("contacts", "sites", "zones")
_WITHIN: Final = ("messages",)
"""What both files may say a part of, down to the single value: the way of answers depends on the scenario, its templates do not."""


def include(document: Document, folder: FilePath) -> None:
    """Merge the files named under `include`, relative to `folder`; mistakes become findings of the document."""
    if not isinstance(document.data, dict) or "include" not in document.data:
        return
    wanted = document.data.pop("include")
    names = wanted if isinstance(wanted, list) else [wanted]
    for index, name in enumerate(names):
        place = document.place(("include", index))
        if not isinstance(name, str):
            document.findings.append(
                place.finding("S015", "include: expected the path of a shared file.", "Give it relative to this file.")
            )
            continue
        shown = str(FilePath(place.path).parent / name)
        try:
            shared = parse(read_text(folder / name, shown), shown)
        except ScenarioInvalid as error:
            inside = [
                place.finding("S015", f"cannot include '{name}': {row.what}", row.fix) if row.line == 1 else row for row in error.findings
            ]
            document.findings += inside
            continue
        document.findings += shared.findings
        _merge(document, shared)


def _merge(document: Document, shared: Document) -> None:
    if not isinstance(shared.data, dict):
        document.findings.append(shared.place(()).finding("S006", "a shared file is a mapping.", f"It may hold {', '.join(SHARED)}."))
        return
    for key, value in shared.data.items():
        if key not in SHARED:
            place = shared.place((key,), on_key=True)
            document.findings.append(place.finding("S010", f"a shared file cannot hold '{key}'.", did_you_mean(key, SHARED)))
        elif key not in document.data:
            document.data[key] = value
            _adopt(document, shared, (key,))
        elif key in _BY_NAME and isinstance(value, dict) and isinstance(document.data[key], dict):
            _merge_names(document, shared, (key,), deep=False)
        elif key in _WITHIN:
            _merge_names(document, shared, (key,), deep=True)
        else:
            _twice(document, shared, (key,))


def _merge_names(document: Document, shared: Document, at: Path, *, deep: bool) -> None:
    """Bring in what only the shared file has below `at`; `deep` does so within entries that both have, else those are refused."""
    ours, theirs = _below(document.data, at), _below(shared.data, at)
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        _twice(document, shared, at)
        return
    for name, entry in theirs.items():
        if name not in ours:
            ours[name] = entry
            _adopt(document, shared, (*at, name))
        elif deep:
            _merge_names(document, shared, (*at, name), deep=True)
        else:
            _twice(document, shared, (*at, name))


def _below(data: Any, at: Path) -> Any:
    for name in at:
        data = data[name]
    return data


def _adopt(document: Document, shared: Document, at: Path) -> None:
    for mine, theirs in ((document.values, shared.values), (document.keys, shared.keys)):
        mine.update({path: place for path, place in theirs.items() if path[: len(at)] == at})


def _twice(document: Document, shared: Document, at: Path) -> None:
    other = shared.place(at, on_key=True)
    what = f"'{at[-1]}' is also in {other.path}, line {other.line}."
    document.findings.append(document.place(at, on_key=True).finding("S007", what, "Keep one of them."))


def override(document: Document, sets: Sequence[str]) -> None:
    """Apply `path.to.key=value` texts in order; a value is read as YAML. Mistakes become findings of the document."""
    for text in sets:
        dotted_path, equals, written = text.partition("=")
        place = Place(f"--set {dotted_path}")
        if not equals or not dotted_path.strip("."):
            document.findings.append(place.finding("S016", "expected path.to.key=value.", "For example objectives.rto=5m."))
            continue
        try:
            value = parse(written, place.path) if written.strip() else None
        except ScenarioInvalid as error:
            document.findings += error.findings
            continue
        document.findings += value.findings if value else []
        _put(document, dotted_path.split("."), value, place)


def _put(document: Document, parts: list[str], value: Document | None, place: Place) -> None:
    node: Any = document.data
    at: Path = ()
    left = parts
    while True:
        name, left = _next_key(node, left)
        if isinstance(node, list) and not (isinstance(name, int) and -1 < name < len(node)):
            document.findings.append(place.finding("S016", f"the list has {len(node)} entries, no entry '{name}'.", "Count from 0."))
            return
        at = (*at, name)
        if not left:
            break
        below = node.setdefault(name, {}) if isinstance(node, dict) else node[name]
        if below is None:
            below = node[name] = {}
        if not isinstance(below, dict | list):
            document.findings.append(place.finding("S016", f"'{name}' is a plain value: nothing can be set below it.", "Shorten the path."))
            return
        document.values.setdefault(at, place)
        node = below
    node[name] = value.data if value else None
    _replace_places(document, at, value, place)


def _next_key(node: Any, parts: list[str]) -> tuple[str | int, list[str]]:
    """The next key and what is left: a key may hold dots itself, as step kinds do."""
    if isinstance(node, Mapping):
        for length in range(len(parts), 1, -1):
            if ".".join(parts[:length]) in node:
                return ".".join(parts[:length]), parts[length:]
    if isinstance(node, list) and parts[0].isdecimal():
        return int(parts[0]), parts[1:]
    return parts[0], parts[1:]


def _replace_places(document: Document, at: Path, value: Document | None, place: Place) -> None:
    for places in (document.values, document.keys):
        for path in [path for path in places if path[: len(at)] == at]:
            del places[path]
    document.values[at] = document.keys[at] = place
    if value:
        document.values.update({(*at, *path): where for path, where in value.values.items()})
        document.keys.update({(*at, *path): where for path, where in value.keys.items()})
