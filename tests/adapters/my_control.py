"""Starts, fences and rebuilds one MariaDB server of a test pair: what a site's own control command does for the playbooks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

SETTINGS = (
    "--log-bin=bin",
    "--log-slave-updates",
    "--gtid-strict-mode=1",
    "--gtid-domain-id=0",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--slave-net-timeout=4",
    "--read-only=1",  # promoted while it runs, never by its configuration
    "--skip-slave-start",
)


def environment(root: Path) -> dict[str, str]:
    """The variables under which the unpacked programs below `root` find their libraries."""
    places = sorted({str(path.parent) for path in root.glob("usr/lib/**/*.so*")})
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent", "LD_LIBRARY_PATH": ":".join(places)}


def server(data: Path) -> psutil.Process | None:
    """The running server of a data folder."""
    try:
        process = psutil.Process(int((data.parent / f"{data.name}.pid").read_text()))
        alive = process.status() != psutil.STATUS_ZOMBIE and "mariadbd" in process.name()
    except (OSError, ValueError, psutil.Error):
        return None
    return process if alive else None


def answers(root: Path, port: int) -> bool:
    """Whether it takes a question."""
    argv = [str(root / "usr/bin/mariadb"), "--no-defaults", "-h127.0.0.1", f"-P{port}", "-uroot", "--connect-timeout=2", "-e", "select 1"]
    return subprocess.run(argv, env=environment(root), capture_output=True, check=False).returncode == 0


def start(root: Path, data: Path, port: int) -> int:
    """Start the server, read-only, and return when it answers; a fenced one is refused."""
    if fence_of(data).exists():
        sys.stderr.write("fenced: will not start\n")
        return 3
    if server(data) is None:
        argv = [str(root / "usr/sbin/mariadbd"), "--no-defaults", f"--basedir={root / 'usr'}", f"--datadir={data}", f"--port={port}"]
        argv += [f"--pid-file={data.parent / data.name}.pid", f"--socket={data.parent / data.name}.sock", f"--server-id={port}", *SETTINGS]
        argv += further(data).read_text().split() if further(data).exists() else []
        if os.geteuid() == 0:
            argv.append("--user=root")
        with (data.parent / f"{data.name}.log").open("ab") as log:
            keeper = ["/bin/sh", "-c", '"$@"; :', "keeper", *argv]  # reaps the server
            subprocess.Popen(
                keeper, cwd="/", env=environment(root), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
    for _ in range(600):
        if server(data) is not None and answers(root, port):
            return 0
        time.sleep(0.05)
    return 1


def further(data: Path) -> Path:
    """A file with further settings of one server, where a test has written it."""
    return data.parent / f"{data.name}.settings"


def fence_of(data: Path) -> Path:
    """The mark that keeps a server from starting."""
    return data.parent / f"{data.name}.FENCED"


def kill(data: Path) -> None:
    """Kill the server, also a stopped one, and wait until it is gone."""
    process = server(data)
    if process is not None:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
        while server(data) is not None:
            time.sleep(0.005)


def fence(data: Path) -> int:
    """Kill the server and see to it that it does not start again."""
    sys.stdout.write("already fenced\n" if fence_of(data).exists() else "fenced\n")
    kill(data)
    fence_of(data).touch()
    return 0


def main(verb: str, root: Path, data: Path, port: int) -> int:
    """One verb on one server."""
    match verb:
        case "start":
            return start(root, data, port)
        case "fence":
            return fence(data)
        case "unfence":
            fence_of(data).unlink(missing_ok=True)
            return 0
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
