"""Reads which resource types a Terraform module uses, with the modules that it calls, and what its variables are by default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from drill.model.errors import PreflightFailed

_BLOCK: Final = re.compile(r'^\s*(?:resource|data|ephemeral)\s+"(\w+)"\s+"', re.MULTILINE)
_MODULE: Final = re.compile(r'^\s*module\s+"[^"]+"\s*\{[^}]*?^\s*source\s*=\s*"([^"]+)"', re.MULTILINE | re.DOTALL)
_VARIABLE: Final = re.compile(r'^variable\s+"(\w+)"\s*\{(.*?)^\}', re.MULTILINE | re.DOTALL)
_DEFAULT: Final = re.compile(r'^\s*default\s*=\s*(?:"([^"$]*)"|(\d+))\s*$', re.MULTILINE)


def defaults_of(module: Path) -> dict[str, str | int]:
    """The defaults of its variables that are texts or whole numbers; empty when it cannot be read, which another look says."""
    try:
        text = _text(module)
    except PreflightFailed:
        return {}
    found = {name: match for name, body in _VARIABLE.findall(text) if (match := _DEFAULT.search(body))}
    return {name: int(match[2]) if match[2] else match[1] for name, match in found.items()}


def types_of(module: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The types of its resources and data sources, and the sources of modules that are not beside it: nobody knows what those use.

    Raises: PreflightFailed: the module cannot be read (F053).
    """
    seen, found, elsewhere = set[Path](), set[str](), set[str]()
    waiting = [module.resolve()]
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        text = _text(folder)
        found.update(_BLOCK.findall(text))
        for source in _MODULE.findall(text):
            if source.startswith(("./", "../")):
                waiting.append((folder / source).resolve())
            else:
                elsewhere.add(source)
    return frozenset(found), frozenset(elsewhere)


def _text(folder: Path) -> str:
    try:
        files = sorted(folder.glob("*.tf"))
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    except (OSError, UnicodeDecodeError) as error:
        raise PreflightFailed(
            f"the module {folder} cannot be read: {error}.", code="F053", fix="Check its path and permissions."
        ) from error
    if not files:
        raise PreflightFailed(f"{folder} holds no Terraform module.", code="F053", fix="Correct the step's `module`.")
    return text
