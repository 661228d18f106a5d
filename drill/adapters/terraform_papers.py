"""Takes the secrets out of Terraform's environment, which every process of this user can read, and puts them into private files."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from drill.adapters.terraform_orphans import VARIABLES

PROFILE: Final = "drill-environment"
"""The profile under which the keys of the environment stand in the credentials files."""
PLACES: Final = re.compile(
    r"AWS_(PROFILE|CONFIG_FILE|SHARED_CREDENTIALS_FILE|ROLE_ARN|WEB_IDENTITY_TOKEN_FILE)"
    r"|AWS_ENDPOINT_URL\w*"
    r"|(ALICLOUD|ALIBABA_CLOUD)_(REGION|REGION_ID|PROFILE|SHARED_CREDENTIALS_FILE|CREDENTIALS_FILE|ACCOUNT_ID|ACCOUNT_TYPE|ECS_ROLE_NAME"
    r"|ECS_METADATA|(ASSUME_)?ROLE_ARN|(ASSUME_)?ROLE_SESSION_NAME|ASSUME_ROLE_SESSION_EXPIRATION|OIDC_PROVIDER_ARN|OIDC_TOKEN_FILE"
    r"|SOURCE_IP|SECURITY_TRANSPORT|SECURE_TRANSPORT|\w+_ENDPOINT)"
)
"""Variables that say where something is, and hold no secret."""
_STAYING: Final = re.compile(r"TF_HTTP_(USERNAME|PASSWORD)|(ALICLOUD|ALIBABA_CLOUD)_CREDENTIALS_URI")
_AWS: Final = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
}
_AWS_WAYS: Final = ("AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")
_AWS_KEPT: Final = ("region", "ca_bundle", "endpoint_url", "use_fips_endpoint", "use_dualstack_endpoint")
_ALIBABA: Final = {
    "access_key_id": ("ALICLOUD_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
    "access_key_secret": ("ALICLOUD_SECRET_KEY", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
    "sts_token": ("ALICLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_SECURITY_TOKEN"),
}
_ALIBABA_FILES: Final = ("ALICLOUD_SHARED_CREDENTIALS_FILE", "ALIBABA_CLOUD_CREDENTIALS_FILE")
_ALIBABA_PROFILES: Final = ("ALICLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE")
INHERITED: Final = re.compile(
    "|".join((PLACES.pattern, _STAYING.pattern, *_AWS, *(name for names in _ALIBABA.values() for name in names), r"TF_VAR_\w+|PG_CONN_STR"))
)
"""All that Terraform needs of an environment; nothing else of it is handed on."""

_DECLARED: Final = re.compile(
    r'^\s*variable\s+"?(\w+)"?\s*\{(.*?)(?=^\s*(?:variable|resource|data|output|locals|module)\b|\Z)', re.MULTILINE | re.DOTALL
)
_TYPE: Final = re.compile(r"\btype\s*=\s*(\w+)")
_PLAIN_TYPES: Final = ("", "string", "number", "bool", "any")
_FIRST_PRINTED: Final = 0x20
_BACKEND: Final = re.compile(r'\bbackend\s+"(\w+)"')
_DSN_PASSWORD: Final = re.compile(r"(?:^|(?<=\s))password\s*=\s*('(?:\\.|[^'\\])*'|(?:\\.|\S)+)\s*")


@dataclass(frozen=True)
class Handed:
    """What one Terraform gets: `environment` in the open, `papers` by variable and `variables` by private files, `secrets` in no event."""

    environment: Mapping[str, str] = field(default_factory=dict)
    papers: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def hand_over(given: Mapping[str, str], directory: Path) -> Handed:
    """Sort what an environment gives to the module in a directory. What a file cannot carry stays, and only where it is needed."""
    rest, papers = dict(given), {}
    secrets = [value for name, value in given.items() if not PLACES.fullmatch(name)]
    for move in (_aws, _alibaba):
        rest, moved = move(rest)
        papers.update(moved)
    backend = _backend(directory)
    conn_str = rest.pop("PG_CONN_STR", "")
    if conn_str and backend == "pg":
        rest["PG_CONN_STR"], password = without_password(conn_str)
        if password:
            papers["PGPASSFILE"] = passfile(password)
            secrets.append(password)
    values = {name.removeprefix("TF_VAR_"): rest.pop(name) for name in list(rest) if name.startswith("TF_VAR_")}
    rest = {name: value for name, value in rest.items() if backend == "http" or not name.startswith("TF_HTTP_")}
    return Handed(rest, papers, _variables(values, directory), tuple(secrets))


def passfile(password: str) -> str:
    """The file in which PostgreSQL's clients look a password up: this one for every server, database and user."""
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n"


def without_password(conn_str: str) -> tuple[str, str]:
    """A connection's words, as an address or as `name=value`, without the password, and the password."""
    if "://" not in conn_str:
        found = _DSN_PASSWORD.search(conn_str)
        told = re.sub(r"\\(.)", r"\1", found[1].removeprefix("'").removesuffix("'")) if found else ""
        return _DSN_PASSWORD.sub("", conn_str).strip(), told
    parts = urlsplit(conn_str)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    asked = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode([(key, value) for key, value in asked if key != "password"])
    told = unquote(password) or next((value for key, value in asked if key == "password"), "")
    return parts._replace(netloc=f"{name}@{host}" if name else host, query=kept).geturl(), told


def _aws(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Keys of the environment go before every other way, so the others are left out when there are some."""
    keys = {word: given[name] for name, word in _AWS.items() if given.get(name)}
    rest = {name: value for name, value in given.items() if name not in _AWS}
    if not {"aws_access_key_id", "aws_secret_access_key"} <= keys.keys():
        return rest, {}
    theirs = _text(rest.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")
    words = {**_aws_settings(rest), **keys}
    ours = f"[{PROFILE}]\n" + "".join(f"{word} = {value}\n" for word, value in words.items())
    rest = {name: value for name, value in rest.items() if name not in _AWS_WAYS}
    paper = f"{theirs.rstrip()}\n\n{ours}".lstrip()
    return {**rest, "AWS_PROFILE": PROFILE}, {"AWS_SHARED_CREDENTIALS_FILE": paper}


def _aws_settings(given: Mapping[str, str]) -> dict[str, str]:
    """What else the profile in force says: its region above all."""
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read_string(_text(given.get("AWS_CONFIG_FILE") or "~/.aws/config"))
    except configparser.Error:  # Terraform will say what is wrong with it
        return {}
    profile = given.get("AWS_PROFILE") or "default"
    section = next((name for name in (f"profile {profile}", profile) if config.has_section(name)), "")
    return {word: config[section][word] for word in _AWS_KEPT if section and word in config[section]}


def _alibaba(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """As the provider reads it: the file of Alibaba's command line. It takes keys of the environment before those of any profile."""
    found = {word: next((given[name] for name in names if given.get(name)), "") for word, names in _ALIBABA.items()}
    keys = {word: value for word, value in found.items() if value}
    rest = {name: value for name, value in given.items() if not any(name in names for names in _ALIBABA.values())}
    if not {"access_key_id", "access_key_secret"} <= keys.keys():
        return rest, {}
    keys["mode"] = "StsToken" if "sts_token" in keys else "AK"
    path = next((rest[name] for name in _ALIBABA_FILES if rest.get(name)), "~/.aliyun/config.json")
    chosen = next((rest[name] for name in _ALIBABA_PROFILES if rest.get(name)), "")
    regions = _alibaba_regions(path)
    region = {"region_id": regions[chosen]} if regions.get(chosen) else {}
    others = [{"name": name, **({"region_id": place} if place else {}), **keys} for name, place in regions.items()]
    file = {"current": PROFILE, "profiles": [{"name": PROFILE, **region, **keys}, *others]}
    rest = {name: value for name, value in rest.items() if name not in (*_ALIBABA_FILES, *_ALIBABA_PROFILES)}
    return {**rest, "ALICLOUD_PROFILE": PROFILE}, {"ALICLOUD_SHARED_CREDENTIALS_FILE": json.dumps(file)}


def _alibaba_regions(path: str) -> dict[str, str]:
    """The region of every profile in a file, by name."""
    try:
        profiles = json.loads(_text(path))["profiles"]
        return {str(row["name"]): str(row.get("region_id") or "") for row in profiles}
    except (ValueError, KeyError, TypeError, AttributeError):  # none, or in the form that the provider does not read
        return {}


def _variables(values: Mapping[str, str], directory: Path) -> str:
    """The variables that the module declares and no file of its own sets, as Terraform takes them from an environment."""
    kinds, known = _kinds(directory), set(_assigned(directory))
    wanted = {name: value for name, value in values.items() if name in kinds and name not in known}
    return "".join(f"{name} = {_quoted(value) if kinds[name] in _PLAIN_TYPES else value}\n" for name, value in wanted.items())


def _kinds(directory: Path) -> dict[str, str]:
    """The declared variables and the first word of their types, empty for none."""
    text = "\n".join(_text(str(path)) for path in sorted(directory.glob("*.tf")))
    found = {name: (kind[1] if (kind := _TYPE.search(body)) else "") for name, body in _DECLARED.findall(text)}
    for path in directory.glob("*.tf.json"):
        declared = _object(path).get("variable")
        for group in declared if isinstance(declared, list) else [declared or {}]:
            found.update({name: re.split(r"\W", str((body or {}).get("type", "")))[0] for name, body in group.items()})
    return found


def _assigned(directory: Path) -> Iterator[str]:
    for path in (*directory.glob("terraform.tfvars*"), *directory.glob("*.auto.tfvars*")):
        if path.name == VARIABLES:
            continue
        if path.suffix == ".json":
            yield from _object(path)
        else:
            yield from re.findall(r'^\s*"?(\w+)"?\s*=', _text(str(path)), re.MULTILINE)


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(str(path)))
    except ValueError:  # Terraform says so itself
        return {}
    return found if isinstance(found, dict) else {}


def _backend(directory: Path) -> str:
    found = _BACKEND.search(_text(str(directory / "drill_override.tf")))
    return found[1] if found else ""


def _quoted(value: str) -> str:
    """A text of Terraform's language, in which nothing is replaced."""
    plain = value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    return '"' + "".join(f"\\u{ord(letter):04x}" if ord(letter) < _FIRST_PRINTED else letter for letter in plain) + '"'


def _text(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
