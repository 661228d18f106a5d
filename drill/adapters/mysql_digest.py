"""The question that counts a table's rows in MySQL or MariaDB and sums their digests, so that two copies can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_TEXTS: Final = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
_BYTES: Final = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_SHAPES: Final = (
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection",
    "vector",
)  # fmt: skip
_NONE: Final = f"repeat('-', {64})"


def columns_sql(table: str) -> tuple[str, list[str]]:
    """The question for a table's columns and their types, in the order of their names, and its values."""
    schema, _, name = table.rpartition(".")
    place = "%s" if schema else "database()"
    sql = f"select column_name, data_type from information_schema.columns where table_schema = {place} and table_name = %s order by 1"  # noqa: S608
    return sql, [*([schema] if schema else []), name]


def digest_sql(table: str, columns: Sequence[tuple[str, str]], where: str) -> str:
    """Rows, rows that could be digested, and the sum of the first 60 bits of each digest, which does not depend on their order.

    Each column is digested for itself first: no row becomes longer than the server's largest packet, and no value can pass for another.
    """
    place = ".".join(quoted(part) for part in table.split("."))
    values = ", ".join(f"if({quoted(name)} is null, {_NONE}, sha2({_digestible(quoted(name), kind)}, 256))" for name, kind in columns)
    only = f" where {where}" if where else ""
    return (
        "select count(*), count(digest), coalesce(sum(cast(conv(left(digest, 15), 16, 10) as unsigned)), 0)"  # noqa: S608 - names are quoted, writes refused
        f" from (select sha2(concat({values}), 256) as digest from {place}{only}\n) as digests"
    )


def quoted(name: str) -> str:
    """A name as the server takes it, whatever letters are in it."""
    return f"`{name.replace('`', '``')}`"


def _digestible(column: str, kind: str) -> str:
    """A value as it says the same on every copy: texts and shapes as they are stored, a float with all its digits, bits as their number."""
    if kind in {*_TEXTS, *_BYTES}:
        return column
    if kind in _SHAPES:
        return f"hex({column})"
    if kind == "float":
        return f"{column} * 1e0"
    if kind == "bit":
        return f"{column} + 0"
    return f"cast({column} as {'char' if kind == 'json' else 'binary'})"
