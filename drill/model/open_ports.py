"""Finds doors that a planned cloud resource opens to the whole internet on ports where data is kept or machines are administered."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

DATA_PORTS: Final[Mapping[int, str]] = {
    22: "SSH",
    445: "SMB",
    1433: "SQL Server",
    1521: "Oracle",
    2049: "NFS",
    2181: "ZooKeeper",
    2379: "etcd",
    3306: "MySQL",
    3389: "RDP",
    5432: "PostgreSQL",
    5433: "PostgreSQL",
    5984: "CouchDB",
    6379: "Redis",
    6432: "PgBouncer",
    8123: "ClickHouse",
    8848: "Nacos",
    9042: "Cassandra",
    9092: "Kafka",
    9200: "Elasticsearch",
    11211: "Memcached",
    27017: "MongoDB",
}
_WIDEST_PREFIX: Final = 8
"""A block wider than any that one organisation owns: two halves of the internet are the internet too."""
_EVERY_PROTOCOL: Final = frozenset({"-1", "all"})
_PORTS_OF: Final = frozenset({"tcp", "udp", "6", "17", *_EVERY_PROTOCOL})
_SOURCES: Final = ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6", "cidr_ip", "ipv6_cidr_ip")
_LISTS_OF_ADDRESSES: Final = ("security_ips", "security_ip_list", "ip_whitelist", "allowed_cidr")


def doors(kind: str, after: Mapping[str, Any], unknown: Mapping[str, Any]) -> Iterator[str]:
    """What is open to the world, in words: `port 5432 (PostgreSQL) is open to 0.0.0.0/0`.

    `kind` is the resource's type, `after` its planned values, `unknown` Terraform's mask of those that are known only after apply.
    A source that is not known yet counts as the world.
    """
    if kind == "aws_security_group":
        rules, masks = after.get("ingress") or (), unknown.get("ingress")
        for number, rule in enumerate(rules):
            yield from _rule(rule, masks[number] if isinstance(masks, list) and number < len(masks) else {})
    elif _lets_in(kind, after):
        yield from _rule(after, unknown)
    if after.get("publicly_accessible") is True:
        yield "it is reachable from the internet (publicly_accessible)"
    for name in _LISTS_OF_ADDRESSES:
        for block in _texts(after.get(name)):
            if is_world(block):
                yield f"its {name} lets in {block}"


def is_world(block: str) -> bool:
    """Whether an address block lets in the internet, or the better part of it."""
    try:
        network = ipaddress.ip_network(block.strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen < _WIDEST_PREFIX or network.network_address.is_unspecified


def _lets_in(kind: str, after: Mapping[str, Any]) -> bool:
    one_of_many = kind.endswith("security_group_rule") and after.get("type") != "egress" and after.get("policy") != "drop"
    return one_of_many or kind == "aws_vpc_security_group_ingress_rule"


def _rule(rule: Mapping[str, Any], mask: Mapping[str, Any]) -> Iterator[str]:
    protocol = str(rule.get("protocol") or rule.get("ip_protocol") or "all").lower()
    if protocol not in _PORTS_OF:
        return
    sources = [block for name in _SOURCES for block in _texts(rule.get(name)) if is_world(block)]
    sources += ["a source that is known only after apply" for name in _SOURCES if _any_true(mask.get(name))]
    if not sources:
        return
    first, last = (0, 65535) if protocol in _EVERY_PROTOCOL else _range(rule)
    for port in (port for port in DATA_PORTS if first <= port <= last):
        wide = f"ports {first} to {last}, {port} ({DATA_PORTS[port]}) among them," if first != last else f"port {port} ({DATA_PORTS[port]})"
        yield f"{wide} {'are' if first != last else 'is'} open to {sources[0]}"
        return


def _range(rule: Mapping[str, Any]) -> tuple[int, int]:
    """First and last port; every port when it does not say."""
    written = str(rule.get("port_range") or "").partition("/")
    try:
        first, last = (int(written[0]), int(written[2])) if written[1] else (int(rule["from_port"]), int(rule["to_port"]))
    except (KeyError, TypeError, ValueError):
        return 0, 65535
    return (0, 65535) if first < 0 else (first, last)


def _texts(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return value.split(",")
    return [str(each) for each in value if each is not None] if isinstance(value, list | tuple) else ()


def _any_true(mask: object) -> bool:
    return mask is True or (isinstance(mask, list | tuple) and any(map(_any_true, mask)))
