"""One YAML text as plain data with the place of every key and value; hostile texts end in one clear finding."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from drill.model.errors import Finding, ScenarioInvalid
from drill.model.problem import Path

MAX_BYTES: Final = 1_000_000
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 40

_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS: Final = frozenset({f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq", "int", "float", "bool", "null")} | {"!", None})
_CORE: Final[tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...]] = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"0o[0-7]{1,20}"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,15}"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,4})?"), float),
)


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


@dataclass(frozen=True)
class Place:
    """Where something stands. Lines and columns count from 1."""

    path: str
    line: int = 1
    column: int = 1

    def finding(self, code: str, what: str, fix: str = "") -> Finding:
        """A finding at this place, in one line whatever the file holds."""
        return Finding(self.path, self.line, self.column, code, _one_line(what), _one_line(fix))


@dataclass
class Document:
    """Plain data (YAML 1.2 core schema) and where each part of it was written."""

    data: Any
    values: dict[Path, Place]
    keys: dict[Path, Place]
    findings: list[Finding] = field(default_factory=list)

    def place(self, at: Path, *, on_key: bool = False) -> Place:
        """The place of a value, or of its key; a part that was not written stands where the nearest part above it does."""
        known: Path = ()
        for part in at:
            if (*known, part) in self.values:
                known = (*known, part)
        return self.keys.get(known, self.values[known]) if on_key else self.values[known]


def resolve(text: str) -> Any:
    """What a plain scalar means: `on`, `2:30`, `0777` and dates hold no surprise."""
    for pattern, make in _CORE:
        if pattern.fullmatch(text):
            value = make(text)
            return text if isinstance(value, float) and not math.isfinite(value) else value
    return text


def read_text(path: FilePath, shown: str) -> str:
    """The text of a file. Raises: ScenarioInvalid: unreadable (S001), larger than 1 MB (S002), not UTF-8 (S003)."""
    here = Place(shown)
    try:
        if not path.is_file():
            raise _refused(here, "S001", "there is no such file." if not path.exists() else "this is not a file.", "Check the path.")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refused(here, "S001", f"the file cannot be read: {error.strerror}.", "Check its path and permissions.") from error
    if len(raw) > MAX_BYTES:
        raise _refused(here, "S002", f"the file is larger than {MAX_BYTES // 1000} kB.", "A scenario is a few kB: is this the right file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        raise _refused(
            Place(shown, line, column), "S003", f"byte 0x{raw[error.start]:02x} is not UTF-8.", "Save the file as UTF-8."
        ) from error


def parse(text: str, shown: str) -> Document:
    """The document of a text. Duplicate keys and odd tags are findings of it; the first syntax error ends it.

    Raises: ScenarioInvalid: it is no YAML (S004), too large or deep once its aliases are expanded (S005), or empty (S006).
    """
    builder = _Builder(shown)
    try:
        node = builder.compose(yaml.parse(text, _PARSER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = builder.place(mark) if mark else Place(shown)
        raise _refused(
            place, "S004", f"this is not YAML: {error.problem or error.context}.", "Look at this line and the one above."
        ) from error
    except yaml.reader.ReaderError as error:
        before = text.encode("utf-8", "surrogatepass")[: error.position].decode("utf-8", "replace")
        place = Place(shown, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _refused(place, "S004", f"character U+{error.character:04X} is not allowed in YAML.", "Remove it.") from error
    if node is None:
        raise _refused(Place(shown), "S006", "the file is empty.", "Start from 'drill init'.")
    document = Document(None, {}, {})
    document.data = builder.expand(node, (), document)
    return document


def _refused(place: Place, code: str, what: str, fix: str) -> ScenarioInvalid:
    return ScenarioInvalid([place.finding(code, what, fix)])


@dataclass
class _Node:
    """A scalar (`value`), a sequence (`items`) or a mapping (`items` alternates keys and values)."""

    kind: str
    place: Place
    tag: str | None
    value: Any = None
    items: list[_Node] = field(default_factory=list)


class _Builder:
    """Turns events into nodes and nodes into data, within limits that a bomb meets before the memory does."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._anchors: dict[str, _Node] = {}
        self._visits = 0

    def place(self, mark: Any) -> Place:
        return Place(self._shown, mark.line + 1, mark.column + 1)

    def compose(self, events: Iterator[Any]) -> _Node | None:
        top: list[_Node] = []
        stack: list[_Node] = []
        for event in events:
            if isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
            elif isinstance(event, yaml.NodeEvent):
                if top and not stack:
                    raise _refused(self.place(event.start_mark), "S004", "a second document starts here.", "Write one scenario per file.")
                node = self._node(event)
                (stack[-1].items if stack else top).append(node)
                if isinstance(event, yaml.CollectionStartEvent):
                    stack.append(node)
                    if len(stack) > MAX_DEPTH:
                        raise self._too_large(node.place)
        return top[0] if top else None

    def _node(self, event: Any) -> _Node:
        place = self.place(event.start_mark)
        self._count(place)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _refused(
                    place, "S004", f"alias *{event.anchor} stands for nothing.", f"Write &{event.anchor} at the value it repeats."
                )
            return _Node("alias", place, None, value=event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] and not event.style
            node = _Node("scalar", place, event.tag, value=resolve(event.value) if plain else event.value)
        else:
            node = _Node("mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence", place, event.tag)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def expand(self, node: _Node, at: Path, document: Document, place: Place | None = None) -> Any:
        self._count(node.place)
        if len(at) > MAX_DEPTH:
            raise self._too_large(node.place)
        if node.kind == "alias":
            return self.expand(self._anchors[node.value], at, document, place or node.place)
        document.values.setdefault(at, place or node.place)
        if node.tag not in _TAGS:
            document.findings.append(node.place.finding("S009", f"the tag {node.tag} means nothing here.", "Write the plain value."))
        if node.kind == "sequence":
            return [self.expand(item, (*at, index), document) for index, item in enumerate(node.items)]
        return self._mapping(node, at, document) if node.kind == "mapping" else node.value

    def _mapping(self, node: _Node, at: Path, document: Document) -> dict[str, Any]:
        out: dict[str, Any] = {}
        first: dict[str, Place] = {}
        for key, value in zip(node.items[::2], node.items[1::2], strict=True):
            name = key.value if key.kind == "scalar" else None
            if not isinstance(name, str):
                document.findings.append(key.place.finding("S008", "a key must be text.", "Quote it if it is meant as a name."))
                continue
            if name in first:
                document.findings.append(
                    key.place.finding("S007", f"'{name}' is written twice, first in line {first[name].line}.", "Keep one of them.")
                )
                continue
            first[name] = document.keys[*at, name] = key.place
            out[name] = self.expand(value, (*at, name), document)
        return out

    def _count(self, place: Place) -> None:
        self._visits += 1
        if self._visits > 2 * MAX_NODES:
            raise self._too_large(place)

    def _too_large(self, place: Place) -> ScenarioInvalid:
        return _refused(
            place,
            "S005",
            f"the file is too deep or too large (limits: {MAX_DEPTH} levels, {MAX_NODES} values).",
            "Aliases that repeat aliases grow fast.",
        )
