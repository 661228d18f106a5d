"""Hands cloud credentials to the modules of a play through a pipe: they are in no file, no argument and no environment of the run."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PIPE: Final = "DRILL_CREDENTIALS"
"""Names the pipe; `playbooks/module_utils/drill_credentials.py` reads it."""

_POLL_S: Final = 0.02
_SECRET: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)
_PLAIN: Final = (
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "ALIBABA_CLOUD_PROFILE",
    "ALIBABA_CLOUD_CREDENTIALS_FILE",
    "ALIBABA_CLOUD_ECS_METADATA",
    "ALIBABA_CLOUD_ROLE_ARN",
    "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
)
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL", "ALIBABA_ENDPOINT_")


def places() -> dict[str, str]:
    """What of our environment says where clouds and credentials are, without being one: profiles, roles, files, endpoints."""
    return {name: value for name, value in os.environ.items() if name in _PLAIN or name.startswith(_ENDPOINTS)}


def keys() -> dict[str, str]:
    """The credentials in our environment."""
    return {name: os.environ[name] for name in _SECRET if os.environ.get(name)}


class CredentialPipe:
    """Serves the credentials to every module that opens the pipe, until it is closed. Without credentials there is no pipe."""

    def __init__(self, directory: Path, credentials: Mapping[str, str]) -> None:
        self._path = directory / "credentials"
        self._line = json.dumps(dict(credentials)) + "\n" if credentials else ""
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if self._line:
            os.mkfifo(self._path, 0o600)
            self._thread = threading.Thread(target=self._serve, name="credentials", daemon=True)
            self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """What tells the modules of the pipe."""
        return {PIPE: str(self._path)} if self._line else {}

    def close(self) -> None:
        """Serve nobody any more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while not self._ended.wait(_POLL_S):
            try:
                pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nobody reads now
                    continue
                return  # the run's directory is gone, and the pipe with it
            with contextlib.suppress(OSError):  # the reader had what it wanted
                os.write(pipe, self._line.encode())
            os.close(pipe)
