"""Has a plan judged by a team's own Rego: by regorus in this process where its wheel is installed, else by the `opa` on PATH."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from drill.model.errors import Fatal

_QUERY: Final = "data.drill.plan.deny"
_TIMEOUT_S: Final = 60


def denied(plan: Mapping[str, Any], project: Path) -> tuple[str, ...]:
    """What the policies below DRILL_REGO have against a plan, in their own words, sorted; nothing when the variable is not set.

    Raises: Fatal: they cannot be judged by, so the plan may not be applied (A248).
    """
    named = os.environ.get("DRILL_REGO")
    if not named:
        return ()
    policies = sorted((project / named).expanduser().glob("*.rego"))
    if not policies:
        raise Fatal(f"DRILL_REGO={named} holds no .rego file.", code="A248", fix="Name a directory of policies, as seen from the project.")
    judge = _by_regorus if importlib.util.find_spec("regorus") else _by_opa
    try:
        said = judge(policies, {name: row for name, row in plan.items() if name != "variables"})
    except Exception as error:  # every engine has errors of its own, and a plan that nobody could judge must not be applied
        why = (str(error).splitlines() or [type(error).__name__])[0]  # regorus adds its own stack
        raise Fatal(f"the Rego policies cannot be judged by: {why}", code="A248", fix="Mend them, or unset DRILL_REGO.") from error
    if not isinstance(said, list):
        fix = "Let the package drill.plan have a set `deny` of sentences."
        raise Fatal(f"the Rego policies in {named} define no {_QUERY}.", code="A248", fix=fix)
    return tuple(sorted(map(str, said)))


def _by_regorus(policies: Sequence[Path], plan: Mapping[str, Any]) -> Any:
    import regorus

    engine = regorus.Engine()
    try:
        for path in policies:
            engine.add_policy(path.name, path.read_text(encoding="utf-8"))
        engine.set_input_json(json.dumps(plan))
        answer = json.loads(engine.eval_query_as_json(_QUERY))
    finally:
        del engine  # a traceback would keep it, and another thread must not drop it
    return answer["result"][0]["expressions"][0]["value"] if answer.get("result") else None


def _by_opa(policies: Sequence[Path], plan: Mapping[str, Any]) -> Any:
    opa = shutil.which("opa")
    if opa is None:
        raise FileNotFoundError("there is no engine here: put opa on PATH, or install the extra dr-drill[rego]")
    words = [opa, "eval", "--format", "json", "--stdin-input", *(word for path in policies for word in ("--data", str(path))), _QUERY]
    done = subprocess.run(words, input=json.dumps(plan), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise ValueError(" ".join((done.stderr or done.stdout).split())[:600])
    rows = json.loads(done.stdout).get("result") or [{"expressions": [{"value": None}]}]
    return rows[0]["expressions"][0]["value"]
