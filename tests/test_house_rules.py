"""The house rules of the code: size, first lines, names, and what may stand where."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "drill").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.name != "__init__.py")
FILE_LIMIT, FUNCTION_LIMIT = 300, 40
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|managers?)($|_|\.)")


def named(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(ROOT)))


@named(SOURCES + TESTS)
def test_a_file_has_one_job_and_says_it_in_its_first_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))

    assert len(text.splitlines()) <= FILE_LIMIT
    assert docstring, "the first line is a sentence about the file"
    assert docstring.splitlines()[0].rstrip().endswith((".", ":")), docstring.splitlines()[0]
    assert not FORBIDDEN_NAMES.search(path.stem)


@named(SOURCES)
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    long = [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LIMIT
    ]

    assert long == []


@named([path for path in SOURCES if path.parent.name == "model"])
def test_the_model_reads_no_clock_and_no_environment(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert not re.search(r"datetime\.now|time\.time|time\.monotonic|open\(|os\.environ|\bprint\(", text)


def test_scenario_expressions_live_in_one_engine_file_and_templates_in_the_views() -> None:
    users = {
        path.relative_to(ROOT / "drill").parts[0]
        for path in SOURCES
        if re.search(r"^(from|import) jinja2|^    from jinja2", path.read_text(), re.MULTILINE)
    }
    engine_files = [path.name for path in (ROOT / "drill" / "engine").glob("*.py") if "jinja2" in path.read_text(encoding="utf-8")]

    assert users <= {"views", "engine"}
    assert engine_files == ["expressions.py"]


def test_every_step_kind_is_one_file_with_one_class_and_one_test() -> None:
    for path in (ROOT / "drill" / "steps").glob("*.py"):
        if path.stem in {"__init__", "base"}:
            continue
        kinds = re.findall(r"^    kind(?:: ClassVar\[str\])? = ", path.read_text(encoding="utf-8"), re.MULTILINE)

        assert len(kinds) == 1, path.name
        assert list((ROOT / "tests" / "steps").glob(f"test_{path.stem.split('_')[0]}*.py")), f"no test for {path.name}"


def test_the_lock_files_name_no_address() -> None:
    for path in ROOT.glob("requirements*.lock"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+|#.*|", line), line


def test_nothing_is_left_for_later() -> None:
    words = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)))

    assert [str(path) for path in SOURCES if words.search(path.read_text(encoding="utf-8"))] == []
