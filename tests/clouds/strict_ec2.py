"""Makes moto's EC2 as strict as the service where an outage depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.network_acls import NetworkAclBackend


@contextmanager
def strict_ec2() -> Iterator[None]:
    """An association's id is used up by the first swap; an interface has the groups it was given, not those of its machine as well."""
    plain = NetworkAclBackend.replace_network_acl_association

    def replace(backend: Any, association_id: str, acl_id: str) -> Any:
        if not any(association_id in acl._associations for acl in backend.network_acls.values()):
            raise EC2ClientError("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
        return plain(backend, association_id, acl_id)

    mixed = NetworkInterface.group_set
    NetworkAclBackend.replace_network_acl_association = replace
    NetworkInterface.group_set = property(lambda port: port._group_set or list(port.instance.security_groups))
    try:
        yield
    finally:
        NetworkAclBackend.replace_network_acl_association = plain
        NetworkInterface.group_set = mixed
