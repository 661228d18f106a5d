"""How people write what they mean: words of both languages, garbled as thumbs, phones and carriers do. Knows nothing of the parser."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, Literal

Meaning = Literal["yes", "no", "abort", "status", "aside"]

_WORDS: Final[Mapping[Meaning, Sequence[str]]] = {
    "yes": [
        *("1", "1", "1", "Y", "y", "yes", "Yes", "YES", "ok", "OK", "Okay", "confirm", "Confirmed", "approve", "approved", "agree", "go"),
        *(
            "确认",
            "已确认",
            "确认了",
            "同意",
            "批准",
            "通过",
            "可以",
            "好",
            "好的",
            "是",
            "是的",
            "正常",
            "没问题",
            "已完成",
            "確認",
            "通過",
        ),
    ],
    "no": [
        *("2", "2", "2", "N", "n", "no", "NO", "nope", "reject", "rejected", "deny", "denied", "failed", "not ok", "no go"),
        *(
            "不确认",
            "不同意",
            "不通过",
            "不批准",
            "不可以",
            "不行",
            "不",
            "否",
            "拒绝",
            "驳回",
            "异常",
            "未通过",
            "没通过",
            "有问题",
            "不確認",
        ),
    ],
    "abort": ["9", "9", "9", "abort", "ABORT", "halt", "中止", "终止", "停止", "中止演练", "停止演练", "取消演练", "終止"],
    "status": ["?", "？", "状态", "狀態", "status", "Status", "进度", "状态？", "help", "帮助"],
    "aside": [],
}
_CHAT: Final = [
    *(
        "收到",
        "马上看",
        "我在开会",
        "稍等",
        "等一下",
        "还没好",
        "我还没确认",
        "先别确认",
        "不要确认",
        "请确认一下",
        "确认了吗",
        "是不是",
        "怎么回事",
    ),
    *("等会再确认", "这是什么短信", "谁在演练", "通过还是不通过", "同意是什么意思", "1小时后再说", "打我电话", "👍", "👎", "在路上"),
    *("on my way", "who is this", "what is this about", "wait", "give me a minute", "I cannot confirm this yet", "please confirm"),
    *(
        "do not confirm",
        "don't go",
        "not sure",
        "confirm later",
        "is it ok?",
        "yes or no",
        "let me check and confirm",
        "no problem at all?",
    ),
    *("call me", "never approve this", "maybe yes", "ok but wait", "I said no to that yesterday, now yes?", "hello", "thanks", "谢谢"),
]
_DOUBTS: Final = ["?", "？", " ??", " 🤔", "？？", " ❌", " 👎"]
_GAPS: Final = [" ", " ", " ", "  ", "", "，", ",", ", ", ". ", "。", "\n", "　", "-", " - ", "：", ":", "/", "、", "\t"]
_HEADS: Final = [
    "",
    "",
    "",
    "",
    "",
    "回复",
    "回复 ",
    "reply ",
    "答复：",
    "【张三】",
    "您好，",
    "Hi, ",
    "\u200b",
    "\ufeff",
    "👌 ",
    " ",
    "\n",
    "“",
]
_TAILS: Final = [
    *(
        "",
        "",
        "",
        "",
        "",
        "。",
        ".",
        "!",
        "！",
        " ",
        "\n",
        "👍",
        " 👍👍",
        " 🙏",
        "\u200b",
        "”",
        " thanks",
        " Thank you.",
        "谢谢",
        " 谢谢！",
        " 辛苦了",
    ),
    *("【某某公司】", " 【李四】", "【中国移动】", "\nSent from my iPhone", "\n发自我的iPhone", " 发自我的华为手机"),
]
_QUOTES: Final = [
    "> Drill d-1: Rebuild is done. Reply 1 yes, 2 no or 9 abort, then a space and code {code}.\n",
    "> 演练d-1：重建已完成，待您核实。回复1通过，2不通过，9中止，空格后加核实码{code}。\n",
    "「演练d-1：切换已完成，待您核实。核实码{code}。」\n- - - - - - - -\n",
]
_WIDE: Final = {ord(char): ord(char) + 0xFEE0 for char in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"}
_KEYCAPS: Final = {"1": "1️⃣", "2": "2️⃣", "9": "9️⃣"}
_CIRCLES: Final = {"1": "①", "2": "②", "9": "⑨"}
_ARABIC: Final = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def written(rng: random.Random, meaning: Meaning, code: str | None) -> str:
    """A text that means this, with the code when there is one."""
    if meaning == "aside":
        return _aside(rng, code)
    word = rng.choice(_WORDS[meaning])
    if meaning == "status":
        return rng.choice(["", " ", "【张三】", "\u200b"]) + word
    shown = rng.choice([_KEYCAPS, _CIRCLES])[word] if word in _KEYCAPS and rng.random() < 0.1 else word
    body = shown if code is None else _with_code(rng, shown, code)
    body = _restyled(rng, body)
    head, tail = rng.choice(_HEADS), rng.choice(_TAILS)
    if code is None and " " not in word and rng.random() < 0.05:
        body = f"{body}{rng.choice([' ', '，'])}{body}"  # said twice
    if head == "“":
        tail = "”"
    elif tail == "”":
        tail = ""
    quote = rng.choice(_QUOTES).format(code=rng.randint(1000, 9999)) if rng.random() < 0.06 else ""
    return f"{quote}{head}{body}{tail}"


def _with_code(rng: random.Random, word: str, code: str) -> str:
    gap = rng.choice(_GAPS)
    between = f"{gap or ' '}{rng.choice(['code ', '核实码', 'code: '])}" if rng.random() < 0.08 else gap
    if len(code) in {3, 5}:  # a digit too few or too many: doubled it could be a code
        pass
    elif rng.random() < 0.06 and gap.strip(" 　") == "":  # typed in two groups
        code, between = f"{code[: len(code) // 2]} {code[len(code) // 2 :]}", " "
    elif rng.random() < 0.05:
        code, between = f"{code} {code}", " "
    if rng.random() < 0.3:
        letters = unicodedata.normalize("NFKC", word)[0] not in "129"
        return f"{code}{gap if letters else gap or ' '}{word}"  # glued digits could not be told apart
    return f"{word}{between}{code}"


def _restyled(rng: random.Random, body: str) -> str:
    style = rng.random()
    if style < 0.12:
        return body.translate(_WIDE)
    if style < 0.16:
        return body.translate(_ARABIC)
    if style < 0.22:
        place = rng.randint(0, len(body))
        return body[:place] + rng.choice(["\u200b", "\u200d", "\ufeff", "\u2060"]) + body[place:]
    return body


def _aside(rng: random.Random, code: str | None) -> str:
    """Words that answer nothing, also when they hold a code, or an answer that is doubted or taken back in the same breath."""
    if code is not None and rng.random() < 0.5:
        answer = rng.choice([*_WORDS["yes"], *_WORDS["no"]])
        return rng.choice(
            [f"{answer} {code}{rng.choice(_DOUBTS)}", f"{answer} {code} 等等", f"{answer} {code} wait no", f"{answer}还是不{answer} {code}"]
        )
    chat = rng.choice(_CHAT)
    return chat if code is None else rng.choice([code, f"{chat} {code}", f"{code} {chat}"])
