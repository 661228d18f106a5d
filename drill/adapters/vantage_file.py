"""Samples in a file: one line says what was asked from where, every other line is one sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from drill.model.errors import UsageError
from drill.model.plan_probes import Probe
from drill.model.vantage_wire import FILE_FORMAT, FileHead, Sampled

LONGEST_FILE: Final = 2 * 2**30
_LONGEST_LINE: Final = 10_000


class SampleFile:
    """A new file that takes samples. Raises: UsageError: it is there already, or cannot be written (U055)."""

    def __init__(self, path: Path, *, scenario: str, vantage: str, probes: Sequence[Probe]) -> None:
        try:
            self._file = path.open("x", encoding="utf-8")
        except FileExistsError as error:
            fix = "Name another file, or move it away: samples of two runs do not mix."
            raise UsageError(f"the file {path} is there already.", code="U055", fix=fix) from error
        except OSError as error:
            raise UsageError(f"the file {path} cannot be written: {error.strerror}.", code="U055", fix="Name another one.") from error
        head = FileHead(drill_samples=FILE_FORMAT, scenario=scenario, vantage=vantage, probes=tuple(probes))
        self._file.write(head.model_dump_json() + "\n")
        self._file.flush()

    def write(self, samples: Sequence[Sampled]) -> None:
        """Append samples. Raises: OSError: the disk does not take them."""
        self._file.write("".join(f"{sample.model_dump_json()}\n" for sample in samples))
        self._file.flush()

    def close(self) -> None:
        """It is complete."""
        self._file.close()


def read_head(path: Path) -> FileHead:
    """What a file of samples says of itself. Raises: UsageError: it is none, or of a newer release (U056)."""
    try:
        with path.open("r", encoding="utf-8") as file:
            head = FileHead.model_validate_json(file.readline(1_000_000))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "its first line does not say what was asked"
        raise UsageError(f"{path} is no file of samples: {said}.", code="U056", fix="Name what `drill probe --to FILE` wrote.") from error
    if head.drill_samples != FILE_FORMAT:
        raise UsageError(f"{path} was written by a newer release.", code="U056", fix="Take it with that release.")
    return head


def read_samples(path: Path) -> Iterator[Sampled | None]:
    """Every sample of a file in its order; None for a line that is none, as the last one when the agent was killed. Raises: OSError."""
    with path.open("r", encoding="utf-8", errors="replace") as file:
        file.readline()
        while line := file.readline(_LONGEST_LINE):
            try:
                yield Sampled.model_validate_json(line)
            except ValidationError:
                yield None
