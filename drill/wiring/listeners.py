"""The web server of a home: how `drill serve` and a sandbox drill start it, and how others find out that it runs."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from drill.engine.observe_process import MARK, tell
from drill.model.errors import PreflightFailed
from drill.settings import Settings, child_environment, handed_down

MODULE = "drill.web"
_READY_WITHIN_S = 30.0
_ENDS_WITHIN_S = 5.0
_POLL_S = 0.05


def listening(settings: Settings) -> str:
    """HOST:PORT of the web server that runs for this home; empty when none does."""
    try:
        row = json.loads(_ready(settings).read_text(encoding="ascii"))
        process = psutil.Process(int(row["pid"]))
        return str(row["address"]) if MODULE in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE else ""
    except (OSError, ValueError, KeyError, psutil.Error):
        return ""


class Listener:
    """A web server as our child; it ends with us, whatever ends us. Port 0 takes a free one, and keeps it."""

    def __init__(self, settings: Settings, host: str, port: int, *, say: Callable[[str], None] = lambda _text: None) -> None:
        self._settings = settings
        self._host = host
        self._port = port
        self._say = say
        self._child: subprocess.Popen[bytes] | None = None
        self._log = settings.place / "web.log"

    @property
    def address(self) -> str:
        """HOST:PORT, as a URL writes it."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    def start(self) -> None:
        """Start it and wait until it takes requests.

        Raises: PreflightFailed: the extra `web` is not installed (F027), the address is taken (F026), or it does not come up (F028).
        """
        if importlib.util.find_spec("uvicorn") is None or importlib.util.find_spec("starlette") is None:
            raise PreflightFailed("the web server is not installed.", code="F027", fix="pip install 'dr-drill[web]'")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", MODULE, "--host", self._host, "--port", str(self._port), "--ready", str(_ready(self._settings))]
        with self._log.open("wb") as log:
            mark = f"web@{self._settings.mark()}"  # not the home's own: a sandbox that comes up ends whatever carries that
            environment = {**child_environment(), MARK: mark, "DRILL_HOME": str(self._settings.home)}
            self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True)
        tell(self._child, handed_down())
        self._port = int(self._wait_ready(self._child).rpartition(":")[2])

    def ensure(self) -> None:
        """Start it again when it has ended by itself; one that does not come up again is tried at the next call."""
        if self._child is None or self._child.poll() is None:
            return
        self._say(f"the web server ended with {self._child.returncode}{self._last_words()}; starting it again")
        try:
            self.start()
        except PreflightFailed as error:
            self._say(str(error))

    def stop(self) -> None:
        """End it: what it has taken is stored first."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def _wait_ready(self, child: subprocess.Popen[bytes]) -> str:
        until_s = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < until_s:
            row = _read(_ready(self._settings))
            if row.get("pid") == child.pid:
                return str(row["address"])
            if child.poll() is not None:
                words = self._last_words()
                if "[F026] " in words:
                    raise PreflightFailed(words.partition("[F026] ")[2], code="F026")
                raise PreflightFailed(f"the web server did not start{words}", code="F028", fix=f"See {self._log}.")
            time.sleep(_POLL_S)
        child.kill()
        child.wait()
        raise PreflightFailed(f"the web server was not ready within {_READY_WITHIN_S:g} s.", code="F028", fix=f"See {self._log}.")

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if self._log.exists() else []
        return f": {lines[-1][:300]}" if lines else ""


def _ready(settings: Settings) -> Path:
    return settings.home / "web.json"


def _read(path: Path) -> dict[str, object]:
    try:
        row = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return row if isinstance(row, dict) else {}
