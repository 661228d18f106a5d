"""Fills the roles of a scenario with the persons on duty, and says what is wrong with channels and rotas. Every mistake at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from drill.engine.compile_outline import mapping, names
from drill.model.problem import Problem, did_you_mean
from drill.model.scenario import AcknowledgeForm, Scenario
from drill.model.scenario_people import ContactForm

NOBODY = {"en": "nobody on duty", "zh": "无人值班"}


def people_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Channels that are not there, mail to nowhere, and rotas that name nobody, in the file's own data."""
    contacts, messages = mapping(data.get("contacts")), mapping(data.get("messages"))
    channels = mapping(messages.get("channels"))
    mail = {name for name, row in channels.items() if "smtp" in mapping(row)}
    roles = {name for name, row in contacts.items() if mapping(mapping(row).get("rota"))}
    yield from _shared_accounts(contacts)
    tried = messages.get("preflight")
    if isinstance(tried, str) and tried not in contacts:
        yield Problem(("messages", "preflight"), "S038", f"there is no contact '{tried}'.", did_you_mean(tried, contacts))
    for name, row in contacts.items():
        for at, channel in names(mapping(row).get("channels"), ("contacts", name, "channels")):
            if channel != "sms" and channel not in channels:
                fix = did_you_mean(channel, ["sms", *channels])
                yield Problem(at, "S038", f"there is no channel '{channel}' in messages.channels.", fix)
            elif channel in mail and not mapping(row).get("email"):
                yield Problem(at, "S038", f"'{name}' has no email, so '{channel}' cannot reach them.", "Add email: secret:NAME.")
        if "sms" in mapping(row).get("channels", ("sms",)) and mapping(row).get("sms") and not mapping(messages.get("sms")):
            what = f"'{name}' is reached by text, but messages.sms does not say how texts are sent."
            yield Problem(("contacts", name, "sms"), "S042", what, "Write messages.sms, or give the contact other channels.")
        yield from _rota_problems(str(name), mapping(mapping(row).get("rota")), set(contacts) - roles, roles)


def _shared_accounts(contacts: Mapping[Any, Any]) -> Iterator[Problem]:
    """One account is one person: under four eyes two names of theirs must not count as two."""
    owners: dict[str, str] = {}
    for name, row in contacts.items():
        user = mapping(row).get("user")
        if isinstance(user, str) and user and owners.setdefault(user, str(name)) != name:
            what = f"'{name}' and '{owners[user]}' use the same account '{user}': one person would count as two."
            yield Problem(("contacts", name, "user"), "S043", what, "Give each person their own account.")


def _rota_problems(role: str, rota: Mapping[str, Any], persons: set[str], roles: set[str]) -> Iterator[Problem]:
    for part in ("shifts", "weekly"):
        rows = rota.get(part)
        for index, row in enumerate(rows if isinstance(rows, list | tuple) else ()):
            person = mapping(row).get("is")
            if isinstance(person, str) and person not in persons:
                what = f"'{person}' is a role itself." if person in roles else f"there is no contact '{person}'."
                yield Problem(("contacts", role, "rota", part, index, "is"), "S039", what, did_you_mean(person, persons))


def fill_roles(scenario: Scenario, at: datetime) -> Scenario:
    """The scenario with each role as the person on duty at a moment; a role nobody fills can reach nobody, and preflight says so.

    Persons whom only rotas name leave: they take part as their role.
    """
    roles = {name: form for name, form in scenario.contacts.items() if form.rota is not None}
    rotas = [form.rota for form in roles.values() if form.rota]
    stand_ins = {row.is_ for rota in rotas for row in rota.shifts} | {row.is_ for rota in rotas for row in rota.weekly}
    staying = set(scenario.contacts) - (stand_ins - asked(scenario) - {scenario.messages.preflight})
    people = {
        name: _filled(form, scenario.contacts, at) if name in roles else form for name, form in scenario.contacts.items() if name in staying
    }
    return scenario.model_copy(update={"contacts": people}) if roles else scenario


def _filled(role: ContactForm, contacts: Mapping[str, ContactForm], at: datetime) -> ContactForm:
    name = role.rota.rota().on_duty(at) if role.rota else None
    person = contacts.get(name) if name else None
    if person is None:
        return ContactForm(title=f"{role.title} ({NOBODY['en']}, {NOBODY['zh']})")
    return person.model_copy(update={"title": f"{role.title} ({person.title})"})


def twice_asked(scenario: Scenario, at: datetime) -> list[Problem]:
    """Roles whose person takes part under another name as well: one person must not count as two."""
    found: list[Problem] = []
    taking_part: dict[str, str] = {name: name for name in asked(scenario) if name in scenario.contacts}
    for name, form in scenario.contacts.items():
        person = form.rota.rota().on_duty(at) if form.rota else None
        if person is None:
            continue
        if person in taking_part:
            what = f"'{name}' is {person} now, who also takes part as '{taking_part[person]}': one person would count as two."
            found.append(Problem(("contacts", name, "rota"), "S040", what, "Ask the role alone, or put somebody else on duty."))
        else:
            taking_part[person] = name
    return found


def asked(scenario: Scenario) -> set[str]:
    """Every contact that a gate names."""
    forms = [scenario.defaults.acknowledge]
    phases = (*scenario.phases.values(), *scenario.failback.phases.values())
    forms += [phase.acknowledge for phase in phases if isinstance(phase.acknowledge, AcknowledgeForm)]
    return {name for form in forms for name in (*form.ask, *form.then)}
