"""Who sits at this terminal."""

from __future__ import annotations

import getpass


def user_name() -> str:
    """The name of the user of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container user without a passwd entry
        return "unknown"
