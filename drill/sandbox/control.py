"""The sandbox's remote control, for playbooks and Terraform; alone in its file and without a library, because it must start at once."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DEFAULT_TIMEOUT_S = 60.0


class Unreachable(Exception):
    """The supervisor does not answer: it is gone, or stopped."""


def ask(state: Path, verb: str, *, timeout_s: float = DEFAULT_TIMEOUT_S, **fields: Any) -> dict[str, Any]:
    """Put one question to the supervisor of a state directory and return its answer, which has `ok`.

    A refusal has `ok` false, `code`, `error` and `fix`. Raises: Unreachable.
    """
    line = json.dumps({"verb": verb, **fields}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(timeout_s)
            channel.connect(str(state / "control.sock"))
            channel.sendall(line)
            with channel.makefile("rb") as answers:
                answer = answers.readline()
    except OSError as error:
        raise Unreachable(f"the sandbox at {state} does not answer: {error}") from error
    if not answer:
        raise Unreachable(f"the sandbox at {state} ended before it answered {verb}")
    found: dict[str, Any] = json.loads(answer)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. Exit 0 done, 1 refused, 2 bad usage, 3 no sandbox."""
    given = list(sys.argv[1:] if argv is None else argv)
    tail: list[str] = []
    if "--" in given:
        cut = given.index("--")
        given, tail = given[:cut], given[cut + 1 :]
    options = _parser().parse_args(given)
    if options.verb == "run-as":
        return _run_as(options.state, tail)
    fields = {key: value for key, value in vars(options).items() if key not in ("state", "verb", "timeout") and value is not None}
    try:
        answer = ask(options.state, options.verb, timeout_s=options.timeout, **fields)
    except Unreachable as error:
        print(f"drill: {error}. Run: drill sandbox up", file=sys.stderr)  # noqa: T201  a command's own output
        return 3
    if not answer.pop("ok"):
        print(f"drill: [{answer['code']}] {answer['error']} {answer.get('fix', '')}".rstrip(), file=sys.stderr)  # noqa: T201
        return 1
    print(answer["say"] if "say" in answer else json.dumps(answer, indent=1))  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drill.sandbox.control", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the sandbox's state directory")
    parser.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT_S, help="seconds to wait for the answer")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in ("status", "renew", "down"):
        verbs.add_parser(verb)
    for verb in ("freeze", "thaw", "kill", "fence", "unfence", "start-postgres", "stop-postgres"):
        verbs.add_parser(verb).add_argument("--region", required=True)
    verbs.add_parser("run-as", help="run a program as the OS user of the databases: run-as -- ARGV")
    instance = verbs.add_parser("instance").add_subparsers(dest="action", required=True)
    create = instance.add_parser("create")
    create.add_argument("name")
    create.add_argument("--region", required=True)
    create.add_argument("--address", required=True)
    instance.add_parser("destroy").add_argument("name")
    instance.add_parser("list").add_argument("--region")
    return parser


def _run_as(state: Path, argv: Sequence[str]) -> int:
    """Become the databases' OS user and the program; never returns when that works."""
    if not argv:
        print("drill: run-as needs a program: run-as -- ARGV", file=sys.stderr)  # noqa: T201
        return 2
    try:
        user: Mapping[str, Any] | None = json.loads((state / "state.json").read_text())["postgres"]["user"]
    except (OSError, KeyError, ValueError) as error:
        print(f"drill: there is no sandbox at {state}: {error}", file=sys.stderr)  # noqa: T201
        return 3
    os.chdir(state)
    os.umask(0o077)
    if user is not None and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(user["gid"])
        os.setuid(user["uid"])
    kept = {name: os.environ[name] for name in ("DRILL_MARK", "DRILL_RUN", "DRILL_OWNER") if name in os.environ}
    try:
        os.execvpe(argv[0], list(argv), {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent", **kept})  # noqa: S606
    except OSError as error:
        print(f"drill: cannot run {argv[0]}: {error}", file=sys.stderr)  # noqa: T201
        return 127


if __name__ == "__main__":
    sys.exit(main())
