"""TLS with a real MariaDB server: taken where it is offered, insisted on where it is asked for, and its certificates believed only then."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drill.adapters.mysql_address import MysqlAddress, of_site
from drill.adapters.mysql_connection import MysqlBroken, MysqlConnection
from drill.model.ports import DatabaseAccess
from tests.adapters import my_control
from tests.adapters.my_pair import MyServer, make_template, programs
from tests.adapters.pg_pair import free_port

pytestmark = pytest.mark.xdist_group("mysql")


@dataclass(frozen=True)
class Secured:
    """A server, the authority that signed its certificate for 127.0.0.1, and one that did not."""

    server: MyServer
    authority: Path
    stranger: Path


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _signed(folder: Path, name: str) -> Path:
    """An authority of that name, and a server's certificate and key beside it."""
    now, keys = dt.datetime.now(dt.UTC), (ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1()))
    for key, subject, is_authority in ((keys[0], name, True), (keys[1], f"{name}-server", False)):
        draft = x509.CertificateBuilder(_name(name), _name(subject), key.public_key(), x509.random_serial_number())
        draft = draft.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        draft = draft.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        draft = draft.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        (folder / f"{subject}.pem").write_bytes(draft.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        (folder / f"{subject}.key").write_bytes(private)
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    folder = make_template()
    server = MyServer(programs(), folder / "a", free_port())
    authority, stranger = _signed(folder, "authority"), _signed(folder, "stranger")
    cert = folder / "authority-server"
    my_control.further(server.data).write_text(f"--ssl-ca={authority} --ssl-cert={cert}.pem --ssl-key={cert}.key")
    try:
        server.do("start")
        server.sql("set global read_only = 0; create user strict@'127.0.0.1' identified by 'x' require ssl")
        yield Secured(server, authority, stranger)
    finally:
        my_control.kill(server.data)
        shutil.rmtree(folder)


def cipher(address: MysqlAddress) -> str:
    connection = MysqlConnection(address, until_s=time.monotonic() + 20)
    try:
        return str(connection.rows("show session status like 'ssl_cipher'")[0][1])
    finally:
        connection.close()


def at(secured: Secured, sslmode: str, *, ca: Path | None = None, host: str = "127.0.0.1") -> MysqlAddress:
    return MysqlAddress(host, secured.server.port, "root", sslmode=sslmode, ca=str(ca or ""))


@pytest.mark.parametrize(("sslmode", "encrypted"), [("", True), ("prefer", True), ("require", True), ("disable", False)])
def test_tls_is_taken_where_it_is_offered_unless_it_is_forbidden(secured: Secured, sslmode: str, encrypted: object) -> None:
    assert bool(cipher(at(secured, sslmode))) is encrypted


def test_a_certificate_is_believed_by_its_authority_and_its_name(secured: Secured) -> None:
    assert cipher(at(secured, "verify-ca", ca=secured.authority))
    assert cipher(at(secured, "verify-ca", ca=secured.authority, host="localhost"))
    assert cipher(at(secured, "verify-full", ca=secured.authority))


@pytest.mark.parametrize(("sslmode", "host"), [("verify-ca", "127.0.0.1"), ("verify-full", "127.0.0.1"), ("verify-full", "localhost")])
def test_a_certificate_of_a_stranger_or_of_another_name_is_refused(secured: Secured, sslmode: str, host: str) -> None:
    ca = secured.authority if host == "localhost" else secured.stranger

    with pytest.raises(MysqlBroken, match="TLS is refused") as refused:
        cipher(at(secured, sslmode, ca=ca, host=host))

    assert not refused.value.silent


def test_an_authority_that_the_system_does_not_know_is_none(secured: Secured) -> None:
    with pytest.raises(MysqlBroken, match="TLS is refused"):
        cipher(at(secured, "verify-ca"))


def test_an_option_file_says_how_its_user_comes_in(secured: Secured, tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\npassword=x\nssl-mode=VERIFY_IDENTITY\nssl-ca={secured.authority}\n")
    file.chmod(0o600)
    access = DatabaseAccess("127.0.0.1", secured.server.port, "strict", "", Path(), file, engine="mysql")

    assert cipher(of_site(access))


def test_the_servers_own_client_reads_that_file_alike(secured: Secured, tmp_path: Path) -> None:
    secured.server.sql("create or replace user odd@'127.0.0.1' identified by 'it\\'s = a # \\\\ secret'")
    file = tmp_path / "my.cnf"
    file.write_text('[client]\npassword = "it\'s = a # \\\\ secret"\n')
    file.chmod(0o600)
    access = DatabaseAccess("127.0.0.1", secured.server.port, "odd", "", Path(), file, engine="mysql")
    environment, library, program, *_ = secured.server.client

    own = [environment, library, program, f"--defaults-file={file}", "-h127.0.0.1", f"-P{secured.server.port}", "-uodd"]
    said = subprocess.run([*own, "-BNe", "select current_user()"], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "odd@127.0.0.1"
    assert cipher(of_site(access))
