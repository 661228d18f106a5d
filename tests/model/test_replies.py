"""What people type, and what it means. The expected reading is written by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.replies import Reply, Verb, mask_number, normalise_number, parse
from drill.model.wording import CATALOGUE, render

CONFIRMS = [
    ("1 4821", "4821"), ("１　４８２１", "4821"), ("14821", "4821"), ("1,4821", "4821"), ("1.4821", "4821"),
    ("1，4821。", "4821"), ("1、4821", "4821"), ("1-4821", "4821"), ("1/4821", "4821"), ("1+4821", "4821"),
    ("1\n4821", "4821"), ("①4821", "4821"), ("1️⃣ 4821", "4821"), ("4821 1", "4821"), ("1 48 21", "4821"),
    ("1 482195", "482195"), ("1482195", "482195"), ("1 482 195", "482195"), ("１：４８２１", "4821"),
    ("\u200b1\u200b \ufeff4821", "4821"), ("👌 1 4821", "4821"), ("👍1 4821👍", "4821"), ("1 4821!", "4821"),
    ("Y4821", "4821"), ("y 4821", "4821"), ("YES 4821", "4821"), ("Yes, 4821.", "4821"), ("ok4821", "4821"),
    ("OK", None), ("ＯＫ。", None), ("ok!", None), ("o k", None), ("Go", None), ("approve 4821", "4821"),
    ("Approved", None), ("1", None), ("reply 1 4821", "4821"), ("1 code 4821", "4821"), ("1 4821 thanks", "4821"),
    ("Hi, yes 4821", "4821"), ("确认谢谢", None), ("确认了", None), ("4821 通过了，辛苦了", "4821"),
    ("1 4821\nSent from my iPhone", "4821"), ("确认4821", "4821"), ("4821 确认", "4821"), ("4821确认", "4821"),
    ("确认 4821", "4821"), ("确认，核实码4821", "4821"), ("回复1 4821", "4821"), ("好的，4821", "4821"),
    ("是4821", "4821"), ("确认 确认", None), ("同意", None), ("通过4821", "4821"), ("批准 4821", "4821"),
    ("可以", None), ("没问题4821", "4821"), ("確認 4821", "4821"), ("1 4821 谢谢", "4821"), ("您好，1 4821", "4821"),
    ("【张三】1 4821", "4821"), ("1 4821【某某公司】", "4821"), ("“1 4821”", "4821"),
    ("1 4821 发自我的iPhone", "4821"), ("> Drill d1: rebuild is done.\n1 4821", "4821"),
    ("「演练d1待您核实」\n- - - - -\n1 4821", "4821"), ("1 4821 4821", "4821"), ("1 1 4821", "4821"),
    ("١ ٤٨٢١", "4821"), ("回复好的 4821", "4821"), ("回复确认谢谢", None), ("您好确认4821", "4821"), ("1\t4821", "4821"),
    ("Okay 482195 482195", "482195"), ("agreed", None), ("允许 4821", "4821"), ("已完成", None), ("正常", None), ("对 4821", "4821"),
]  # fmt: skip
REJECTS = [
    ("2 4821", "4821"), ("2-4821", "4821"), ("24821", "4821"), ("N 4821", "4821"), ("no", None), ("No.", None),
    ("not ok", None), ("no go", None), ("denied 4821", "4821"), ("reject4821", "4821"), ("不确认", None),
    ("不 确认 4821", "4821"), ("不 同意 ", None), ("不同意4821", "4821"), ("不通过", None), ("拒绝4821", "4821"),
    ("否", None), ("不", None), ("不行", None), ("不可以 4821", "4821"), ("驳回 4821", "4821"), ("异常", None),
    ("未通过", None), ("有问题 4821", "4821"), ("不 好", None), ("２　４８２１", "4821"), ("不確認", None),
    ("回复不同意谢谢", None), ("② 4821", "4821"), ("没通过 4821", "4821"), ("失败", None), ("nope 4821", "4821"), ("disagree", None),
]  # fmt: skip
ABORTS = [
    ("9", None), ("9 4821", "4821"), ("94821", "4821"), ("９", None), ("中止", None), ("中止 4821", "4821"),
    ("4821中止", "4821"), ("终止", None), ("停止演练", None), ("取消演练", None), ("abort", None),
    ("ABORT 4821", "4821"), ("Halt!", None), ("回滚", None), ("中 止", None),
    ("回复取消演练谢谢", None), ("4821 ⑨", "4821"), ("9️⃣", None), ("停止 4821", "4821"),
]  # fmt: skip
ASIDES: list[tuple[str, Verb, str | None]] = [
    ("?", "help", None), ("？", "help", None), ("??", "help", None), ("help", "help", None), ("帮助", "help", None),
    ("状态", "status", None), ("状态？", "status", None), ("status", "status", None), ("进度", "status", None),
    ("怎么样了?", "status", None), ("状态 4821", "status", "4821"), ("STOP", "optout", None), ("TD", "optout", None),
    ("Ｒ", "optout", None), ("退订", "optout", None), ("unsubscribe", "optout", None), ("T", "optout", None),
    ("0000", "optout", None),
]  # fmt: skip
UNKNOWNS = [
    ("", None), ("   ", None), ("👍", None), ("👎", None), ("4821", "4821"), ("48211", None), ("1 48211", None),
    ("11 4821", None), ("1 4821 5555", None), ("12", None), ("1 2 4821", None), ("1/2/9", None), ("yes no", None),
    ("是不是", None), ("通过 不通过", None), ("确认?", None), ("请确认", None), ("请 确认 4821", None),
    ("please confirm 4821", None), ("确认了吗", None), ("ok?", None), ("1 4821?", "4821"), ("1 4821？", "4821"),
    ("👎 1 4821", "4821"), ("❌1 4821", "4821"), ("1̶ 4821", "4821"), ("我还没确认呢", None), ("还没好", None),
    ("先别确认", None), ("不要确认 4821", None), ("等一下", None), ("等会再确认", None), ("1小时后 4821", None),
    ("第1阶段通过了吗", None), ("don't confirm", None), ("do not confirm 4821", None), ("yes but not 4821", None),
    ("can't go", None), ("no problem", None), ("I confirm that it is broken", None), ("confirm later 4821", None),
    ("is it ok", None), ("not sure", None), ("收到", None), ("收到4821", None), ("四八二一确认", None),
    ("赞了“1 4821”", None), ("Liked “1 4821”", None), ("½ 4821", None), ("【不】1 4821", None),
    ("1 4821【等等】", None), ("1st 4821", None), ("看到了4821", None), ("什么意思", None), ("確認嗎", None),
    ("1 4821 -- no wait", None), ("1 4821\n别", None), ("> 1 4821", None), ("3234567", None),
    ("call 13900000001", None), ("9:30", None), ("9点开会", None), ("谢谢", None), ("thanks", None), ("回复", None), ("9 1", None),
    ("我同意他的看法", None), ("已确认收货", None), ("不是不同意", None), ("别中止", None), ("don't abort", None), ("abort?", None),
]  # fmt: skip
BY_HAND: list[tuple[str, Verb, str | None]] = [
    *((text, "confirm", code) for text, code in CONFIRMS),
    *((text, "reject", code) for text, code in REJECTS),
    *((text, "abort", code) for text, code in ABORTS),
    *ASIDES,
    *((text, "unknown", code) for text, code in UNKNOWNS),
]


@pytest.mark.parametrize(("text", "verb", "code"), BY_HAND)
def test_a_text_is_read_as_a_person_means_it(text: str, verb: Verb, code: str | None) -> None:
    assert parse(text) == Reply(verb, code)


def test_there_are_enough_hand_written_texts() -> None:
    assert len({text for text, _, _ in BY_HAND}) >= 150


def test_our_own_text_sent_back_is_never_an_answer() -> None:
    for (purpose, language), template in CATALOGUE.items():
        values = {name: "4821" if name == "code" else "确认" if language == "zh" else "yes" for name in template.variables}
        text = render(purpose, language, values)
        assert parse(text).verb == "unknown"
        assert parse(f"【演练平台】{text}").verb == "unknown"


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    reply = parse(text)

    assert reply.code is None or (reply.code.isascii() and reply.code.isdecimal() and len(reply.code) in {4, 6})


SENTENCE_WORDS = st.sampled_from(["我", "还没", "看到", "the", "drill", "maybe", "later", "请稍等", "but", "wait", "别"])
ANSWERS = st.sampled_from(["1", "确认", "ok", "yes", "通过", "1 4821", "确认4821", "同意"])


@given(ANSWERS, st.lists(SENTENCE_WORDS, min_size=1, max_size=4), st.booleans())
def test_an_answer_inside_a_sentence_never_confirms(answer: str, words: list[str], before: bool) -> None:  # noqa: FBT001
    sentence = [*words, answer] if before else [answer, *words]

    assert parse(" ".join(sentence)).verb != "confirm"


@given(
    st.sampled_from(["不", "不是 不", "没", "别", "未", "don't ", "not ", "never "]),
    st.sampled_from(["确认", "同意", "通过", "ok", "confirm", "yes"]),
)
def test_a_negated_answer_never_confirms(negation: str, word: str) -> None:
    assert parse(negation + word).verb != "confirm"
    assert parse(f"{negation}{word} 4821").verb != "confirm"


WIDE = {ord(char): ord(char) + 0xFEE0 for char in "0123456789"}


@given(
    word=st.sampled_from(
        [("1", "confirm"), ("2", "reject"), ("9", "abort"), ("确认", "confirm"), ("不确认", "reject"), ("中止", "abort"), ("y", "confirm")]
    ),
    code=st.from_regex(r"[1-9][0-9]{3}([0-9]{2})?", fullmatch=True),
    gap=st.sampled_from([" ", "", "\n", "　", " - ", "，", ". ", "  "]),
    code_first=st.booleans(),
    wide=st.booleans(),
    tail=st.sampled_from(["", "👍", "。", "!", " ", "\u200b", "谢谢", "【某公司】"]),
)
def test_a_valid_answer_survives_how_it_was_typed(
    *, word: tuple[str, str], code: str, gap: str, code_first: bool, wide: bool, tail: str
) -> None:
    verb, meaning = word
    if code_first and verb.isdecimal():
        gap = gap or " "  # 48211 cannot be told from a wrong code
    typed = f"{code}{gap}{verb}" if code_first else f"{verb}{gap}{code}"

    reply = parse((typed.translate(WIDE) if wide else typed) + tail)

    assert (reply.verb, reply.code) == (meaning, code)


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("13900000001", "+8613900000001"), ("+8613900000001", "+8613900000001"), ("8613900000001", "+8613900000001"),
        ("008613900000001", "+8613900000001"), ("+86 139-0000-0001", "+8613900000001"), ("１３９０００００００１", "+8613900000001"),
        ("85212345678", "+85212345678"), ("0085212345678", "+85212345678"), ("+14255550182", "+14255550182"), ("106900001234", None),
        ("12345", None), ("+8612345678901", None), ("abc", None), ("", None), ("13900000001x", None),
    ],
)  # fmt: skip
def test_a_number_is_the_same_however_it_is_written(raw: str, number: str | None) -> None:
    assert normalise_number(raw) == number


def test_a_masked_number_can_be_recognised_and_not_dialled() -> None:
    assert mask_number("+8613900000001") == "139****0001"
    assert mask_number("+14255550182") == "142****0182"
    assert mask_number("12345") == "****"
