"""The texts people get: one audited template per purpose and language, the one source for adapters, carrier and scenarios."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

Language = Literal["en", "zh"]
Purpose = Literal["gate", "joint", "status", "escalation", "hold", "result"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

VALUE_LIMIT: Final = 35
"""Characters a carrier accepts in one variable of a notification."""
MASKED_CODE: Final = "····"

_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")
_URL: Final = re.compile(r"\b[a-z][a-z0-9+]*://", re.IGNORECASE)
_DOTTED: Final = re.compile(r"(?<=\w)\.(?=\w)")
_DECIMAL: Final = re.compile(r"(?<![\w.])\d+\.\d+(?![\d.])")


def placeholders(content: str) -> tuple[str, ...]:
    """The variables a template's content names, in the order of their first appearance."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(content)))


@dataclass(frozen=True)
class Template:
    """One text as a carrier audits it. `code` is the sandbox carrier's; a real account has its own."""

    code: str
    purpose: Purpose
    language: Language
    name: str
    content: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What each variable may hold, in the carrier's words: `others`, `other_number2`."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Names in the order of their first appearance."""
        return placeholders(self.content)


_ASK_ZH: Final = "回复1通过，2不通过，9中止，空格后加核实码${code}。${within}内有效。"
_ASK_EN: Final = "Reply 1 yes, 2 no or 9 abort, then a space and code ${code}. Valid for ${within}."

_TEXTS: Final[Mapping[Purpose, Mapping[Language, tuple[str, str]]]] = {
    "gate": {
        "zh": ("演练核实", "演练${drill}：${phase}${state}，待您核实。" + _ASK_ZH),
        "en": ("Drill question", "Drill ${drill}: ${phase} ${state}. " + _ASK_EN),
    },
    "joint": {
        "zh": ("演练合并核实", "演练${drill}：${phases}均${state}，一并待您核实。" + _ASK_ZH),
        "en": ("Drill joint question", "Drill ${drill}: ${phases}: each ${state}. " + _ASK_EN),
    },
    "status": {
        "zh": ("演练状态", "演练${drill}：${phase}${state}，用时${took}，无需回复。"),
        "en": ("Drill status", "Drill ${drill}: ${phase} ${state}, time ${took}. No answer asked."),
    },
    "escalation": {
        "zh": ("演练升级核实", "演练${drill}：${phase}待核实，${silent}未答复，请您接手。" + _ASK_ZH),
        "en": ("Drill escalation", "Drill ${drill}: ${phase} waits, no answer from ${silent}, please take over. " + _ASK_EN),
    },
    "hold": {
        "zh": ("演练暂停", "演练${drill}在${phase}暂停：${reason}。不会自动回退，请登录选择：${ways}。无需回复。"),
        "en": (
            "Drill on hold",
            "Drill ${drill} is on hold at ${phase}: ${reason}. Nothing is rolled back. Log in and choose: ${ways}. No answer asked.",
        ),
    },
    "result": {
        "zh": ("演练结果", "演练${drill}结束，结论${outcome}，恢复用时${rta}，数据丢失${rpa}，记录指纹${digest}。"),
        "en": ("Drill result", "Drill ${drill} ended: ${outcome}. Recovery ${rta}, data loss ${rpa}, record ${digest}."),
    },
}

_DIGITS_OR_LETTERS: Final = frozenset({"code", "digest"})


def _build(purpose: Purpose, language: Language) -> Template:
    name, content = _TEXTS[purpose][language]
    code = f"SMS_DRILL_{purpose}_{language}".upper()
    names = _PLACEHOLDER.findall(content)
    attributes = {each: "other_number2" if each in _DIGITS_OR_LETTERS else "others" for each in names}
    return Template(code, purpose, language, name, content, attributes)


CATALOGUE: Final[Mapping[tuple[Purpose, Language], Template]] = {
    (purpose, language): _build(purpose, language) for purpose in PURPOSES for language in LANGUAGES
}
SANDBOX_CODES: Final[Mapping[str, Mapping[str, str]]] = {
    purpose: {language: CATALOGUE[purpose, language].code for language in LANGUAGES} for purpose in PURPOSES
}
"""Purpose to language to template code, as `messages.sms.templates` holds it."""

ASKS: Final[frozenset[Purpose]] = frozenset({"gate", "joint", "escalation"})
"""Purposes whose text carries a reply code."""

STATES: Final[Mapping[str, Mapping[Language, str]]] = {
    "starting": {"en": "is about to start", "zh": "即将开始"},
    "started": {"en": "started", "zh": "已开始"},
    "done": {"en": "is done", "zh": "已完成"},
    "skipped": {"en": "was skipped", "zh": "已跳过"},
    "failed": {"en": "failed", "zh": "未成功"},
    "waiting": {"en": "waits for your answer", "zh": "待答复"},
    "by hand": {"en": "is yours to do, answer when done", "zh": "请您完成后答复"},
}
"""Ready values for `state`."""


def render(purpose: Purpose, language: Language, variables: Mapping[str, str]) -> str:
    """The text a person reads, without the sender's sign. Variables the template does not name are ignored.

    Raises: ValueError: a variable is missing, empty, or longer than a carrier accepts; names it, never shows its value.
    """
    template = CATALOGUE[purpose, language]
    wrong = unacceptable(template, variables)
    if wrong:
        raise ValueError(f"template {template.code}: " + "; ".join(wrong))
    return fill(template.content, variables)


def render_masked(purpose: Purpose, language: Language, variables: Mapping[str, str]) -> str:
    """The same text with the reply code hidden: what may be recorded and shown. Raises: ValueError: as `render`."""
    return render(purpose, language, {**variables, **({"code": MASKED_CODE} if "code" in variables else {})})


def fill(content: str, variables: Mapping[str, str]) -> str:
    """A template's content with its placeholders replaced, once: a value that looks like a placeholder stays as it is."""
    return _PLACEHOLDER.sub(lambda match: variables[match[1]], content)


def unacceptable(template: Template, variables: Mapping[str, str]) -> list[str]:
    """What a carrier would refuse in these variables, by name; empty when it would take them."""
    wrong = []
    for name in template.variables:
        value = variables.get(name, "")
        if not value:
            wrong.append(f"'{name}' has no value")
        elif len(value) > VALUE_LIMIT:
            wrong.append(f"'{name}' has {len(value)} characters, at most {VALUE_LIMIT} are accepted")
        elif value != fit(value):
            wrong.append(f"'{name}' holds an address, a bracket or a symbol that carriers refuse")
    return wrong


def fit(value: str, limit: int = VALUE_LIMIT) -> str:
    """The nearest value a carrier accepts: no address, no symbol, no bracket, at most `limit` characters. Idempotent."""
    text = unicodedata.normalize("NFC", value)
    kept = "".join(char if unicodedata.category(char)[0] not in "CZ" else " " for char in text)
    kept = "".join(char for char in kept if char in MASKED_CODE or (unicodedata.category(char) not in _SYMBOLS and char not in "【】[]"))
    kept = _URL.sub("", kept).replace("://", " ")
    decimals = {match.start() + match[0].index(".") for match in _DECIMAL.finditer(kept)}
    kept = _DOTTED.sub(lambda match: "." if match.start() in decimals else "-", kept)
    return " ".join(kept.split())[:limit].strip()


_SYMBOLS: Final = frozenset({"So", "Sk", "Mn", "Me"})
