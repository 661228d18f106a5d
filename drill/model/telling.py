"""How figures are said in the sentences of a report, in both languages."""

from __future__ import annotations

from drill.model.report import Label


def said(ms: int) -> str:
    """A length as people read it: `7.4 s` below a minute, `1:23` and `1:02:03` above, `0.05 s` below a tenth."""
    if ms < 0:
        return f"-{said(-ms)}"
    if ms < 100:
        return f"{ms / 1000:.2f} s"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    minutes, rest = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def label(en: str, zh: str) -> Label:
    """Words in both languages."""
    return Label(en=en, zh=zh)


def both(first: Label, second: Label) -> Label:
    """Two sentences, one after the other."""
    return Label(en=f"{first.en} {second.en}", zh=f"{first.zh}{second.zh}")
