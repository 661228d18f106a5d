"""Starts, stops and fences one PostgreSQL server of a test pair: what a site's own control command does for the playbooks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from drill.sandbox.shared_memory import free_segment

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}
if "DRILL_TEST_LIBRARIES" in os.environ:  # of servers that are unpacked, not installed
    ENVIRONMENT["LD_LIBRARY_PATH"] = os.environ["DRILL_TEST_LIBRARIES"]


def dropped() -> dict[str, Any]:
    """Keyword arguments that run a PostgreSQL tool as somebody it accepts: it refuses root."""
    return {"user": 65534, "group": 65534, "extra_groups": [], "umask": 0o077} if os.geteuid() == 0 else {}


def tool(bin_dir: Path, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one PostgreSQL tool as the server's user."""
    command = [str(bin_dir / argv[0]), *argv[1:]]
    return subprocess.run(command, cwd="/", env=ENVIRONMENT, text=True, capture_output=True, check=check, **dropped())


def postmaster(data: Path) -> psutil.Process | None:
    """The running postmaster of a data folder."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if is_alive(process) and "postgres" in process.name() else None


def start(bin_dir: Path, data: Path, port: int) -> int:
    """Start the server and return when it answers; a fenced one is refused."""
    if (data.parent / f"{data.name}.FENCED").exists():
        sys.stderr.write("fenced: will not start\n")
        return 3
    (data / "drill.conf").write_text(configuration(data.name, port))
    if os.geteuid() == 0:
        os.chown(data / "drill.conf", 65534, 65534)
    if postmaster(data) is None:
        free_segment(data)
        (data / "postmaster.pid").unlink(missing_ok=True)
        with (data.parent / f"{data.name}.log").open("ab") as log:
            keeper = ["/bin/sh", "-c", '"$@"; :', "keeper", str(bin_dir / "postgres"), "-D", str(data)]  # reaps the server
            subprocess.Popen(
                keeper, cwd="/", env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **dropped()
            )
    for _ in range(600):
        if tool(bin_dir, "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-U", "drill", "-d", "postgres", check=False).returncode == 0:
            return 0
        time.sleep(0.02)
    return 1


def stop(bin_dir: Path, data: Path) -> int:
    """Stop the server in an orderly way, if it runs."""
    return tool(bin_dir, "pg_ctl", "-D", str(data), "-m", "fast", "-w", "stop", check=False).returncode if postmaster(data) else 0


def kill(data: Path) -> None:
    """Kill the server's whole process tree, also a stopped one, wait until it is gone, and free the shared memory it leaves."""
    server = postmaster(data)
    if server is not None:
        tree = [server, *server.children(recursive=True)]
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        while any(is_alive(process) for process in tree):
            time.sleep(0.005)
    free_segment(data)


def is_alive(process: psutil.Process) -> bool:
    """Whether it can still do something; a zombie cannot."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def fence(data: Path) -> int:
    """Kill the server and see to it that it does not start again."""
    marker = data.parent / f"{data.name}.FENCED"
    sys.stdout.write("already fenced\n" if marker.exists() else "fenced\n")
    kill(data)
    marker.touch()
    return 0


def unfence(data: Path) -> int:
    """Clear the fence of a server that will come back as a standby."""
    if not (data / "standby.signal").exists():
        sys.stderr.write("refused: it would come back as a second primary\n")
        return 4
    (data.parent / f"{data.name}.FENCED").unlink(missing_ok=True)
    return 0


def configuration(name: str, port: int) -> str:
    """The server's own settings, written again at each start because rewind and base backup bring the other server's."""
    return (
        f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\ncluster_name = '{name}'\nshared_buffers = '16MB'\n"
        "max_connections = 30\ndynamic_shared_memory_type = mmap\n"
        "wal_level = replica\nhot_standby = on\nwal_log_hints = on\nfsync = off\nrestart_after_crash = off\n"
        "max_wal_size = '128MB'\nwal_keep_size = '16MB'\nwal_sender_timeout = '5s'\nwal_receiver_timeout = '5s'\n"
        "wal_retrieve_retry_interval = '200ms'\nlog_min_messages = warning\n"
    )


def main(verb: str, bin_dir: Path, data: Path, port: int) -> int:
    """One verb on one server."""
    match verb:
        case "start":
            return start(bin_dir, data, port)
        case "stop":
            return stop(bin_dir, data)
        case "fence":
            return fence(data)
        case "unfence":
            return unfence(data)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
