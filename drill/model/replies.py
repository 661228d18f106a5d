"""What a person's text means. Whole words only: a word inside a sentence is never an answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Verb = Literal["confirm", "reject", "abort", "help", "status", "optout", "unknown"]

_WORDS: Final[Mapping[Verb, str]] = {
    "confirm": """1 y yes yep ok okay k confirm confirmed approve approved agree agreed go pass passed
        确认 已确认 确认了 確認 已確認 同意 同意了 批准 允许 通过 通過 已通过 通过了
        好 好的 是 是的 对 行 可以 正常 完成 已完成 完成了 没问题 没有问题""",
    "reject": """2 n no nope nack nogo reject rejected deny denied disagree fail failed notok notokay
        拒绝 拒絕 否 不 不是 不对 不好 不行 不同意 不通过 不通過 不批准 不允许 不确认 不確認 不可以 不正常 驳回 异常 失败
        未通过 未完成 没通过 没完成 有问题""",
    "abort": "9 abort cancel halt 中止 终止 終止 停止 取消 取消演练 中止演练 终止演练 停止演练 中断 回滚",
    "help": "h help info 帮助 幫助",
    "status": "status 状态 狀態 进度 進度 怎么样了",
    "optout": "r t td tt stop stopall unsubscribe quit end optout 退订 退訂 取消订阅 0000",
}
_VERB: Final[Mapping[str, Verb]] = {word: verb for verb, words in _WORDS.items() for word in words.split()}
_AROUND: Final = """reply code answer pin thanks thank you thx ty hi hello
    回复 回復 答复 核实码 核實碼 验证码 代码 码 谢谢 謝謝 感谢 多谢 辛苦了 你好 您好"""
_IGNORED: Final = frozenset(_AROUND.split())
"""Words around an answer that change nothing. 请 and please do: 请确认 asks us to confirm."""
_POLITE: Final = re.compile(r"(?:回复|回復|答复|您好|你好)*(.+?)(?:谢谢|謝謝|感谢|多谢|辛苦了)*")
_DOUBT: Final = "👎❌❎✖✗✘⛔🚫🛑✋🤔❓❔⁉\u0335\u0336\u0337\u0338"
"""Signs that contradict or question whatever stands beside them."""
_SEPARATORS: Final = re.compile(r"[\s.,;:!?。，、；：！？·~\-_#*\"'“”‘’()\[\]【】<>《》「」『』/\\+=|…—–]+")
_PIECES: Final = re.compile(r"\d+|[a-z]+|[^\da-z]+")
_CODE: Final = re.compile(r"\d{4}|\d{6}")
_GLUED: Final = re.compile(r"([129])(\d{4}|\d{6})")
_DEVICE: Final = re.compile(r"\n?(?:sent from my |发自我的).{1,20}$", re.IGNORECASE)
_SIGN: Final = re.compile(r"^\s*【([^【】]{1,12})】|【([^【】]{1,12})】\s*$")
_NEGATIONS: Final = frozenset("不没沒别別勿未否等非莫")
_QUOTED: Final = re.compile(r"^\s*>.*$|^「[^」]*」\s*\n\s*(?:- ?){3,}\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Reply:
    """One text, read. `code` is the digits the person typed for it, if any."""

    verb: Verb
    code: str | None = None


def parse(text: str) -> Reply:
    """Read a text: a verb, a code, or both in any order and spacing; `unknown` when it says anything else besides."""
    plain = _plain(text)
    if plain.strip() and not plain.strip(" \n?"):
        return Reply("help")
    doubted = any(char in _DOUBT for char in text) or plain.rstrip(" \n。.!").endswith("?")
    plain = _SIGN.sub(_unsign, _DEVICE.sub("", _QUOTED.sub("", plain)))
    reply = _read(_SEPARATORS.sub(" ", plain.casefold()).split())
    if doubted and reply.verb in {"confirm", "reject", "abort"}:
        return Reply("unknown", reply.code)
    return reply


def _plain(text: str) -> str:
    """Half-width characters and ASCII digits; no controls, emoji or combining marks."""
    half = unicodedata.normalize("NFKC", text)
    spaced = (" " if char in "\t\r" else str(unicodedata.decimal(char, char)) for char in half)
    return "".join(char for char in spaced if char == "\n" or unicodedata.category(char) not in _INVISIBLE)


_INVISIBLE: Final = frozenset({"Cf", "Cc", "Mn", "Me", "So", "Sk"})


def _unsign(match: re.Match[str]) -> str:
    """Nothing for a sender's sign in brackets; the text itself when the brackets say something."""
    inside = match[1] or match[2]
    speaks = _NEGATIONS & set(inside) or any(piece in _VERB for piece in _split(inside.casefold()))
    return match[0] if speaks else " "


def _read(words: list[str]) -> Reply:
    pieces = [piece for word in words for piece in _split(word) if piece not in _IGNORED]
    verbs = {_VERB[piece] for piece in pieces if piece in _VERB}
    numbers = [piece for piece in pieces if piece.isdecimal() and piece not in _VERB]
    code = _code(numbers)
    rest = [piece for piece in pieces if not piece.isdecimal()]
    joined = _VERB.get("".join(rest))  # 不 同意, o k: one word typed as several
    if numbers and code is None:
        return Reply("unknown")
    if len(rest) > 1 and joined and not any(piece in _VERB for piece in pieces if piece.isdecimal()):
        return Reply(joined, code)
    known = all(piece in _VERB or piece.isdecimal() for piece in pieces)
    if known and len(verbs) == 1:
        return Reply(verbs.pop(), code)
    return Reply("unknown", code if known and not verbs else None)


def _split(word: str) -> list[str]:
    """A word's runs of digits, letters and other script; a verb glued to its code or to polite words comes apart."""
    if word in _VERB:
        return [word]
    pieces = []
    for piece in _PIECES.findall(word):
        glued, polite = _GLUED.fullmatch(piece), _POLITE.fullmatch(piece)
        pieces += [glued[1], glued[2]] if glued else [polite[1]] if polite else [piece]
    return pieces


def _code(numbers: list[str]) -> str | None:
    """The one code these runs of digits spell: the same code twice, or one typed in groups of two or more."""
    if len(set(numbers)) == 1 and _CODE.fullmatch(numbers[0]):
        return numbers[0]
    if all(len(number) in {2, 3} for number in numbers) and _CODE.fullmatch("".join(numbers)):
        return "".join(numbers)
    return None


_MAINLAND: Final = re.compile(r"1[3-9]\d{9}")


def normalise_number(raw: str) -> str | None:
    """A phone number as E.164, whatever way a carrier or person writes it; None for service numbers and other text.

    Numbers without a country code are read as mainland China's.
    """
    text = unicodedata.normalize("NFKC", raw).strip()
    if not re.fullmatch(r"[+\d\s\-().]+", text):
        return None
    digits, international = re.sub(r"\D", "", text), text.startswith("+")
    if not international and digits.startswith("00"):
        digits, international = digits[2:], True
    if not international and _MAINLAND.fullmatch(digits):
        return f"+86{digits}"
    if digits.startswith("86"):
        return f"+{digits}" if _MAINLAND.fullmatch(digits[2:]) else None
    foreign = r"[1-9]\d{6,14}" if international else r"1[2-9]\d{9}|[2-9]\d{9,14}"  # carriers write 85212345678 for Hong Kong
    return f"+{digits}" if re.fullmatch(foreign, digits) else None


def mask_number(number: str) -> str:
    """A number a person can recognise and nobody can dial: `139****0001`."""
    digits = re.sub(r"\D", "", number)
    local = digits[2:] if _MAINLAND.fullmatch(digits[2:]) and digits.startswith("86") else digits
    return f"{local[:3]}****{local[-4:]}" if len(local) >= 10 else "****"
