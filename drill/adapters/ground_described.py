"""The ground as the scenario describes it: addresses, databases and inventories of clouds and of one's own hosts; nothing is discovered."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from drill.model.errors import Fatal, PreflightFailed
from drill.model.plan import Site
from drill.model.ports import DatabaseAccess, Engine, Secrets
from drill.model.scenario_sites import engine_of, port_of, tags_of

_DATABASE = "database"
_SSL_MODE = "sslmode"
_CLIENTS: Final[Mapping[Engine, Sequence[str]]] = {"postgres": ("psql",), "mysql": ("mariadb", "mysql")}
"""The client programs of an engine; MariaDB has the last one too."""


class DescribedGround:
    """What a plan's sites say about themselves (port Ground). Relative inventories are looked up below `project`.

    `last_lsn` says the newest position seen on the primary.
    """

    def __init__(self, sites: Sequence[Site], *, project: Path, secrets: Secrets, last_lsn: Callable[[], str]) -> None:
        self._sites = {site.id: site for site in sites}
        self._project = project
        self._secrets = secrets
        self._last_lsn = last_lsn

    def attributes(self, site: str) -> Mapping[str, Any]:
        """`provider`, `region`, `addresses`, `tags` (its opt-in), `database` without its password file, and its further keys."""
        known = self._site(site)
        said = {key: value for key, value in known.options.items() if key not in {"select", "inventory", _DATABASE}}
        database = {key: value for key, value in known.options.get(_DATABASE, {}).items() if key != "passfile"}
        port = "my_port" if engine_of(known.options) == "mysql" else "pg_port"
        ports = {port: port_of(known.options)} if database else {}
        return {
            "addresses": [],
            **said,
            **ports,
            "provider": known.provider,
            "region": known.region,
            **({_DATABASE: database} if database else {}),
            **({"tags": tags} if (tags := tags_of(known.options)) else {}),
        }

    def database(self, site: str) -> DatabaseAccess:
        row = self._site(site).options.get(_DATABASE)
        if not row:
            raise Fatal(f"the site '{site}' names no database.", code="A250", fix=f"Write sites.{site}.database: {{host: …, user: …}}.")
        passfile = Path(self._secrets.get(row["passfile"])).expanduser() if row.get("passfile") else None
        engine, port = engine_of(self._site(site).options), port_of(self._site(site).options)
        program = next(filter(None, map(shutil.which, _CLIENTS[engine])), None)
        bin_dir = Path(program).parent if program else Path()
        access = DatabaseAccess(row["host"], port, row["user"], row["dbname"], bin_dir, passfile)
        return replace(access, sslmode=row.get(_SSL_MODE, ""), engine=engine)

    def inventory(self, site: str) -> Mapping[str, Any]:
        """The hosts of the site's inventory in `pg_target`, those of all other sites in `pg_peer`.

        A site without an inventory has one host of its own name, reached from here through its database.
        Raises: PreflightFailed: an inventory cannot be read (F047).
        """
        self._site(site)
        peers: dict[str, Any] = {}
        for other in self._sites:
            if other != site:
                peers |= self._hosts(other)
        return {"all": {"children": {"pg_target": {"hosts": self._hosts(site)}, "pg_peer": {"hosts": peers}}}}

    def last_primary_lsn(self) -> str:
        return self._last_lsn()

    def _site(self, site: str) -> Site:
        try:
            return self._sites[site]
        except KeyError:
            raise Fatal(f"there is no site {site!r}.", code="A250", fix=f"The sites are {', '.join(self._sites)}.") from None

    def _hosts(self, site: str) -> dict[str, dict[str, Any]]:
        options = self._site(site).options
        if options.get("inventory"):
            return self._read(site, self._project / options["inventory"])
        if not options.get(_DATABASE):
            return {}
        here = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        access = self.database(site)
        return {site: {**here, **_reached(access), **({"pg_bin": str(access.bin_dir)} if access.engine == "postgres" else {})}}

    def _read(self, site: str, path: Path) -> dict[str, dict[str, Any]]:
        try:
            written = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            said = str(error.strerror) if isinstance(error, OSError) else str(error).splitlines()[0]
            raise PreflightFailed(
                f"the inventory {path} of '{site}' cannot be read: {said}.", code="F047", fix="Correct its path."
            ) from error
        found = dict(_hosts_of(written, {}))
        if not found:
            fix = "Write all: {hosts: {db1: {pg_conninfo: …}}}."
            raise PreflightFailed(f"the inventory {path} of '{site}' names no host.", code="F047", fix=fix)
        access = _reached(self.database(site)) if self._site(site).options.get(_DATABASE) else {}
        return {name: {**access, **variables} for name, variables in found.items()}


def _reached(access: DatabaseAccess) -> dict[str, Any]:
    """The host variable by which playbooks of the engine reach the database; a password only by its file."""
    if access.engine == "postgres":
        return {"pg_conninfo": access.conninfo()}
    secret = [f"--defaults-extra-file={access.passfile}"] if access.passfile else []  # the client takes it only as the first one
    client = [_CLIENTS["mysql"][-1], *secret, "-h", access.host, "-P", str(access.port), "-u", access.user]
    return {"my_client_argv": client}


def _hosts_of(written: Any, inherited: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every host of an inventory's groups, with the variables of the groups it is in; the closest one counts."""
    for group in written.values() if isinstance(written, Mapping) else ():
        if not isinstance(group, Mapping):
            continue
        variables = {**inherited, **(group.get("vars") or {})}
        for name, own in (group.get("hosts") or {}).items():
            yield str(name), {**variables, **(own or {})}
        yield from _hosts_of(group.get("children") or {}, variables)
