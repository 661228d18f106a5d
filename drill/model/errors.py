"""Errors a person can act on: a code, what happened, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DrillError(Exception):
    """Something a person must know; vendor errors are translated into one of these at the adapter."""

    default_code = "D000"

    def __init__(self, what: str, *, fix: str = "", code: str | None = None) -> None:
        self.what = f"{what.rstrip('.')}." if what.endswith("..") and not what.endswith("...") else what
        super().__init__(self.what)
        self.fix = fix
        self.code = code or self.default_code

    def __str__(self) -> str:
        end = "." if self.fix and self.what[-1:].isalnum() else ""
        return f"[{self.code}] {self.what}{end}" + (f" {self.fix}" if self.fix else "")


class UsageError(DrillError):
    """The command cannot be carried out as it was typed."""

    default_code = "U001"


@dataclass(frozen=True)
class Finding:
    """One thing wrong in a file, at its place. Lines and columns count from 1."""

    path: str
    line: int
    column: int
    code: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: [{self.code}] {self.what}" + (f" {self.fix}" if self.fix else "")


class ScenarioInvalid(DrillError):
    """The YAML is wrong. Carries every finding; nothing ran."""

    default_code = "S000"

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(f"{len(findings)} error(s) in the scenario", code=findings[0].code if findings else None)
        self.findings = tuple(findings)


class UnsafePlan(DrillError):
    """The plan could do harm; says which limit. Nothing ran."""

    default_code = "P000"


class PreflightFailed(DrillError):
    """The ground is not firm. Nothing ran."""

    default_code = "F000"


class StepError(DrillError):
    """One attempt did not succeed. Use one of the three subclasses."""

    default_code = "A000"
    retryable = False
    in_doubt = False
    untouched = False
    """Whether it is certain that this attempt changed nothing: it failed before its act."""


class Retryable(StepError):
    """The same attempt may succeed later and has changed nothing that forbids it."""

    default_code = "A100"
    retryable = True


class Fatal(StepError):
    """Trying again cannot help."""

    default_code = "A200"


class InDoubt(StepError):
    """It is unknown whether the effect happened: read back before anything else."""

    default_code = "A300"
    in_doubt = True


class JournalBroken(DrillError):
    """The record cannot be trusted: stop and tell a person."""

    default_code = "J000"

    @property
    def transient(self) -> bool:
        """Whether it may pass by itself: the store is away or locked (J023). Everything else waits for a person."""
        return self.code == "J023"
