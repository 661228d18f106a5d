"""The world of a live plan to look at: the real providers where there are credentials, and nothing that writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drill.adapters.ansible_rehearsal import RehearsedAnsible
from drill.adapters.terraform import TerraformCli
from drill.model.effects import Effect, Outputs
from drill.model.errors import PreflightFailed, Retryable
from drill.model.plan import Plan, Zone
from drill.model.ports import Outage, Secrets, TerraformPlan
from drill.model.rehearsal import KNOWN_AFTER_APPLY, NotRehearsed
from drill.settings import EnvironmentSecrets, Settings
from drill.wiring.credentials import lacking
from drill.wiring.grounds import ground_of, levers_of
from drill.wiring.rehearsed_ports import RehearsedTerraform
from drill.wiring.rehearsed_routes import ReadingDns, ReadingFence, ReadingLevers, ReadingOutage, no_credentials
from drill.wiring.routed import RoutedDns, RoutedFence, RoutedOutage
from drill.wiring.site_roles import Ingredients, dns_of, outages_of, role_of, roles_of
from drill.wiring.stores import cloud_environment

_NO_PROVIDER = "A142"


class _Unset:
    """Secrets of a machine that need not have them (port Secrets)."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def get(self, reference: str) -> str:
        try:
            return self._secrets.get(reference)
        except PreflightFailed as error:
            if error.code != "F010":
                raise
            return KNOWN_AFTER_APPLY


class _CloudTerraform(RehearsedTerraform):
    """Previews modules of clouds where their credentials and their providers can be had."""

    def __init__(self, terraform: TerraformCli, missing: str) -> None:
        super().__init__(terraform)
        self._missing = missing

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        """Raises: NotRehearsed: no credentials (F044), no provider to be had (A142), or a variable that is not known yet."""
        if self._missing:
            raise no_credentials(self._missing)
        try:
            return super().preview(module, variables)
        except Retryable as error:
            if error.code != _NO_PROVIDER:
                raise
            raise NotRehearsed(error.what, code=error.code, fix=error.fix) from error


class RoutedRehearsal:
    """Every role of a live plan for a dry run. `assume` describes it as it would be once a step has happened."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        secrets = _Unset(EnvironmentSecrets(settings.secrets_file))
        ground = ground_of(settings, plan, secrets, watch=None, sandbox=None)
        made_of = Ingredients(plan, secrets, RehearsedAnsible(settings.project / "playbooks"), ground, settings.home)
        self._plan = plan
        self._cut: set[str] = set()
        self._zones = {zone.id: ReadingDns(dns_of(zone, made_of), _zone_lacks(zone, secrets)) for zone in plan.zones}
        clouds = sorted({lacking(site.provider) for site in plan.sites} - {""})
        terraform = TerraformCli(settings.home, settings.project, settings.mark(), cloud_environment())
        self.roles: dict[str, Any] = {
            **self._sites(made_of),
            "ground": ground,
            "dns": RoutedDns(plan, self._zones),
            "levers": ReadingLevers(levers_of(plan), self._lacking_for),
            "terraform": _CloudTerraform(terraform, " and ".join(clouds)),
        }

    def _sites(self, made_of: Ingredients) -> dict[str, Any]:
        sites = self._plan.sites
        roles = {provider: roles_of(provider, made_of) for provider in {site.provider for site in sites}}
        lacks = {site.id: lacking(site.provider) for site in sites}
        fences = {site.id: ReadingFence(role_of(site, roles[site.provider].fence), lacks[site.id]) for site in sites}

        def reading(by_site: Mapping[str, Outage]) -> RoutedOutage:
            return RoutedOutage({site: ReadingOutage(outage, lacks[site], self._cut) for site, outage in by_site.items()})

        return {
            "outage": reading({site.id: role_of(site, roles[site.provider].outage) for site in sites}),
            "fence": RoutedFence(fences),
            "outages": {way: reading(by_site) for way, by_site in outages_of(self._plan, roles).items()},
        }

    def assume(self, effects: Sequence[Effect], outputs: Outputs) -> None:
        """Describe what these effects and outputs leave."""
        for effect in effects:
            if "outage" in effect.marks:
                self._cut.add(effect.target.partition("/")[0])
            zone = self._plan.zone_of(effect.target) if "dns" in effect.marks else None
            if zone is not None:
                values = [str(value) for value in outputs.get("values") or [KNOWN_AFTER_APPLY]]
                weights = [int(outputs["weights"][value]) for value in values] if "weights" in outputs else ()
                self._zones[zone.id].assume(effect.target, values, int(outputs.get("ttl_s", 0)), weights)

    def _lacking_for(self, name: str) -> str:
        zone = self._plan.zone_of(name)
        return lacking(zone.provider) if zone else ""


def _zone_lacks(zone: Zone, secrets: Secrets) -> str:
    """What is missing to ask a zone's provider: its cloud, or the secret of the key that it is asked with."""
    key = zone.options.get("key")
    reference = str(key.get("secret", "")) if isinstance(key, Mapping) else ""
    unset = reference.startswith("secret:") and secrets.get(reference) == KNOWN_AFTER_APPLY
    return f"{zone.id} ({reference})" if unset else lacking(zone.provider)
