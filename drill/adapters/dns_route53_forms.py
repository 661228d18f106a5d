"""Record sets as the Route 53 API writes them, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drill.model.errors import Fatal
from drill.model.ports import RecordSet

Form = dict[str, Any]
"""One record set as the API writes it."""

_HEAVIEST = 255


def full_name(name: str) -> str:
    """A name in lower case with its final dot."""
    return name.lower().rstrip(".") + "."


def record(name: str, rtype: str, forms: Sequence[Form]) -> RecordSet:
    """Every record set of a name and type as one; weighted ones tell their weights."""
    values = tuple(dict.fromkeys(value for form in forms for value in values_of(form)))
    weights = _weights(forms, values) if all("Weight" in form for form in forms) else ()
    return RecordSet(name, rtype, max(int(form.get("TTL", 0)) for form in forms), values, raw=list(forms), weights=weights)


def values_of(form: Form) -> list[str]:
    """The plain values of a record set."""
    if "AliasTarget" in form:
        return [f"alias {form['AliasTarget']['DNSName']}"]
    return [entry["Value"] for entry in form["ResourceRecords"]]


def forms_of(wanted: RecordSet, beside: RecordSet) -> list[Form]:
    """The provider's form of a record set: the one it gave us, the weighted sets of `beside` with other weights, or a simple set.

    Raises: Fatal: the name is not weighted, or a weighted set is not spoken for (A226).
    """
    if wanted.raw is not None:
        return list(wanted.raw)
    if not wanted.values:
        return []
    if wanted.weights:
        return _weighed(wanted, list(beside.raw or ()))
    values = [{"Value": value} for value in wanted.values]
    return [{"Name": full_name(wanted.name), "Type": wanted.type, "TTL": wanted.ttl_s, "ResourceRecords": values}]


def essence(forms: Sequence[Form]) -> list[tuple[str, list[str], list[tuple[str, Any]]]]:
    """What makes lists of record sets the same: neither their order nor that of their values matters."""
    rest = ({k: v for k, v in form.items() if k not in {"Name", "ResourceRecords"}} for form in forms)
    rows = [
        (str(form.get("SetIdentifier", "")), sorted(entry["Value"] for entry in form.get("ResourceRecords", ())), sorted(other.items()))
        for form, other in zip(forms, rest, strict=True)
    ]
    return sorted(rows, key=lambda row: row[0])


def words(forms: Sequence[Form]) -> str:
    """Record sets as a person reads them."""
    if not forms:
        return "nothing"
    return "; ".join(map(_one_in_words, forms))


def _one_in_words(form: Form) -> str:
    weight = f"weight {form['Weight']}, " if "Weight" in form else ""
    return f"{', '.join(values_of(form))} ({weight}TTL {form.get('TTL', 'of its target')})"


def _weights(forms: Sequence[Form], values: Sequence[str]) -> tuple[int, ...]:
    shares: dict[str, int] = dict.fromkeys(values, 0)
    for form in forms:
        for value in values_of(form):
            shares[value] += int(form["Weight"])
    return tuple(shares[value] for value in values)


def _weighed(wanted: RecordSet, sets: Sequence[Form]) -> list[Form]:
    shares: Mapping[str, int] = dict(zip(wanted.values, wanted.weights, strict=True))
    if not sets or any("Weight" not in form for form in sets):
        raise Fatal(
            f"{wanted.name} has no weighted record sets at Route 53.",
            code="A226",
            fix="Make them by hand once, one for each site; a drill moves weights, it does not choose a routing policy.",
        )
    silent = sorted({value for form in sets for value in values_of(form)} - shares.keys())
    if silent or max(wanted.weights) > _HEAVIEST or min(wanted.weights) < 0 or not any(wanted.weights):
        raise Fatal(
            f"{wanted.name} cannot be weighed so: {silent or wanted.weights}.",
            code="A226",
            fix=f"Give every value of the name a weight from 0 to {_HEAVIEST}, not all 0.",
        )
    return [{**form, "Weight": shares[values_of(form)[0]], **({"TTL": wanted.ttl_s} if "TTL" in form else {})} for form in sets]
