"""Runs playbooks through ansible-runner: private, watched, and with nothing left running afterwards."""

from __future__ import annotations

import difflib
import multiprocessing
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from drill.adapters import ansible_credentials as credentials
from drill.adapters import ansible_leftovers as leftovers
from drill.adapters.ansible_events import PlayRecord
from drill.adapters.ansible_run import Run, State
from drill.model.errors import Fatal
from drill.model.ports import PlayResult, TaskEvent

_INHERITED: Final = ("HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "TMPDIR", "TZ")
_RUNNERS_OWN: Final = (
    "AWX_",
    "RUNNER_",
    "ANSIBLE_CALLBACK_PLUGINS",
    "ANSIBLE_STDOUT_CALLBACK",
    "ANSIBLE_RETRY_FILES_ENABLED",
    "ANSIBLE_CACHE_",
)
_POLL_S: Final = 0.2  # how often the runner looks whether to stop; its own default is 5 s

_WITHOUT_FAILURE: Final[Mapping[State, str]] = {
    "failed": "{} ended before its first task: its syntax, its variables or its hosts are wrong",
    "unreachable": "a host of {} could not be reached",
    "stopped": "{} was stopped before it was done",
    "timeout": "{} was not done in time",
}


_NO_SHM: Final = "Mount a tmpfs at /dev/shm that this user can write."


class AnsibleRunner:
    """Fulfils the port Ansible. `mark` goes into the environment of every process of a run.

    `playbooks` is searched for bare file names. `keep_output` receives the name and the text of every run's output.
    `scratch` holds the private directories of running plays; without it they are in the system's temp folder.
    """

    def __init__(
        self,
        playbooks: Path,
        mark: str,
        keep_output: Callable[[str, bytes], None] | None = None,
        *,
        scratch: Path | None = None,
    ) -> None:
        self._playbooks = playbooks
        self._mark = mark
        self._keep_output = keep_output
        self._scratch = scratch
        self._warm = False

    def warm(self) -> None:
        """Pay in advance what the first play would pay: import the runner, and end what a dead engine left running."""
        if not self._warm:
            import ansible_runner  # noqa: F401 - imported for the time it takes

            leftovers.end_leftovers(self._mark, scratch=self._scratch)
            self._warm = True

    def play(
        self,
        playbook: str,
        *,
        inventory: Mapping[str, Any],
        variables: Mapping[str, Any],
        check: bool,
        timeout_s: float,
        stopping: Callable[[], bool],
        on_task: Callable[[TaskEvent], None],
    ) -> PlayResult:
        path = find_playbook(self._playbooks, playbook)
        run = uuid.uuid4().hex
        environment = self._environment(run)
        self.warm()
        directory = leftovers.private_directory(self._mark, scratch=self._scratch)
        play, record = Run(run, directory), PlayRecord()
        runner = _prepare(directory, path, play, inventory=inventory, variables=variables, check=check)
        pipe = credentials.CredentialPipe(directory, credentials.keys())
        own = {**environment, **pipe.environment, "ANSIBLE_HOME": str(directory / "ansible")}
        runner.config.env = {**_settings_of(runner.config.env), **own}
        try:
            state = play.follow(runner, record, timeout_s=timeout_s, stopping=stopping, on_task=on_task)
        finally:
            pipe.close()
            if self._keep_output is not None:
                self._keep_output(f"ansible-{path.stem}.txt", record.output)
        failure = "" if state == "successful" else record.failure or _WITHOUT_FAILURE[state].format(path.name)
        return PlayResult(state, record.outputs, record.changed, tuple(record.tasks), failure)

    def _environment(self, run: str) -> dict[str, str]:
        """What Ansible may see. The runner writes it to the disk, so nothing is inherited that could be a secret.

        Raises: Fatal: there is no `ansible-playbook` (A230), or it could not run here (A238).
        """
        _refuse_without_semaphores()
        search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        if shutil.which("ansible-playbook", path=search) is None:
            raise Fatal(
                "'ansible-playbook' is neither beside this Python nor on PATH.", code="A230", fix="Install ansible-core from the lock file."
            )
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **credentials.places(),
            "PATH": search,
            "LC_ALL": "C.UTF-8",  # Ansible refuses to start under another encoding
            leftovers.MARK: self._mark,
            leftovers.RUN: run,
            leftovers.OWNER: leftovers.owner(),
            "ANSIBLE_INVENTORY_ENABLED": "yaml",  # the inventory is ours; trying every other plugin takes 50 ms
            "ANSIBLE_REMOTE_TEMP": "~/.ansible/tmp",  # else it would follow ANSIBLE_HOME to a path the host does not have
            "ANSIBLE_HOST_KEY_CHECKING": "True",  # the runner switches it off
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "ANSIBLE_DEPRECATION_WARNINGS": "False",
        }


def _refuse_without_semaphores() -> None:
    """Ansible's workers share a lock; where there can be none, it ends with words that blame the playbook. Raises: Fatal (A238)."""
    try:
        multiprocessing.get_context("fork").Lock()
    except (OSError, ImportError) as error:
        why = getattr(error, "strerror", None) or error
        raise Fatal(f"Ansible cannot run here: no lock can be made in shared memory ({why}).", code="A238", fix=_NO_SHM) from error


def find_playbook(playbooks: Path, playbook: str) -> Path:
    """The file a scenario means: a path, or a name in the project's playbooks. Raises: Fatal: there is none (A230)."""
    for candidate in (playbooks / playbook, Path(playbook)):
        if candidate.is_file():
            return candidate.resolve()
    names = sorted(path.name for path in playbooks.glob("*.yml"))
    close = difflib.get_close_matches(Path(playbook).name, names, n=1)
    raise Fatal(
        f"there is no playbook {playbook!r} in {playbooks}.",
        code="A230",
        fix=f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(names) or 'none'}.",
    )


def _prepare(directory: Path, playbook: Path, play: Run, *, inventory: Mapping[str, Any], variables: Mapping[str, Any], check: bool) -> Any:
    """Raises: Fatal: the inventory or the variables cannot be handed over (A236)."""
    import ansible_runner

    try:
        return ansible_runner.interface.init_runner(
            private_data_dir=str(directory),
            project_dir=str(playbook.parent),
            playbook=str(playbook),
            inventory=dict(inventory),
            extravars=dict(variables),
            cmdline="--check" if check else None,
            settings={"pexpect_timeout": _POLL_S, "suppress_ansible_output": True, "suppress_output_file": True},
            quiet=True,
            event_handler=play.hear,
            cancel_callback=play.must_end,
        )
    except (TypeError, ValueError, OSError, ansible_runner.exceptions.AnsibleRunnerException) as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise Fatal(
            f"{playbook.name} cannot be started: {error}", code="A236", fix="Inventory and variables must be JSON; see the message."
        ) from error


def _settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """What the runner itself put into the environment, without what it took from ours."""
    return {name: value for name, value in environment.items() if name.startswith(_RUNNERS_OWN)}
