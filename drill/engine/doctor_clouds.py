"""What the doctor looks at in a cloud's account: credentials, rights, regions, stock, quota, images and the clock; it only reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from drill.engine.doctor import CLOCK_LIMIT_S, Advice, Level
from drill.model.errors import DrillError
from drill.model.ports_doctor import Cloud, Right

SIGNATURE_LIMIT_S: Final = 60.0
"""A clock that is off by more may have its signed calls refused."""
_SHOWN: Final = 6


@dataclass(frozen=True)
class Credentials:
    """Whether the cloud knows who calls."""

    cloud: Cloud

    @property
    def name(self) -> str:
        return f"credentials {self.cloud.provider}"

    def advice(self) -> Iterable[Advice]:
        yield Advice(self.name, "ok", f"calls are made as {self.cloud.identity()}")


@dataclass(frozen=True)
class RightsHeld:
    """Whether the caller may do what the plan needs."""

    cloud: Cloud
    rights: Sequence[Right]

    @property
    def name(self) -> str:
        return f"rights {self.cloud.provider}"

    def advice(self) -> Iterable[Advice]:
        fix = f"Compare with `drill doctor SCENARIO --policy {self.cloud.provider}`."
        count = len({action for right in self.rights for action in right.actions})
        try:
            denied = self.cloud.denied(self.rights)
        except DrillError as error:
            yield Advice(self.name, "warning", f"{count} were not proved: {error.what}", fix, error.code)
            return
        if denied is None:
            yield Advice(self.name, "warning", f"{count} were not proved: this cloud does not say it without acting", fix)
        elif denied:
            rest = f" and {len(denied) - _SHOWN} more" if len(denied) > _SHOWN else ""
            yield Advice(self.name, "error", f"{', '.join(denied[:_SHOWN])}{rest} would be refused", f"Grant them. {fix}", "F054")
        else:
            yield Advice(self.name, "ok", f"{count} of {count} are held")


@dataclass(frozen=True)
class RegionsThere:
    """Whether the account may use the regions of the plan's sites."""

    cloud: Cloud
    wanted: Sequence[str]

    @property
    def name(self) -> str:
        return f"regions {self.cloud.provider}"

    def advice(self) -> Iterable[Advice]:
        there = self.cloud.regions()
        missing = [region for region in self.wanted if region not in there]
        for region in missing:
            yield Advice(self.name, "error", f"the account cannot use {region}", "Correct its name, or enable it for the account.", "F055")
        if not missing:
            yield Advice(self.name, "ok", f"{', '.join(self.wanted)} can be used")


@dataclass(frozen=True)
class InStock:
    """Whether the region has machines of a `kind` to sell, which a step will start."""

    cloud: Cloud
    step: str
    region: str
    kind: str

    @property
    def name(self) -> str:
        return f"stock {self.step}"

    def advice(self) -> Iterable[Advice]:
        zones = self.cloud.zones(self.region, self.kind)
        if not zones:
            what = f"{self.region} has no {self.kind} to sell now"
            yield Advice(self.name, "error", what, "Take another type, or reserve capacity.", "F056")
            return
        level: Level = "ok" if len(zones) > 1 else "warning"
        fix = "" if level == "ok" else "One zone is a single point of failure: take a type that more of them have."
        yield Advice(self.name, level, f"{self.kind} is to be had in {', '.join(zones)}", fix)


@dataclass(frozen=True)
class QuotaLeft:
    """Whether the account may still start `count` machines of a `kind` in a region."""

    cloud: Cloud
    step: str
    region: str
    kind: str
    count: int

    @property
    def name(self) -> str:
        return f"quota {self.step}"

    def advice(self) -> Iterable[Advice]:
        quota = self.cloud.quota(self.region, self.kind)
        needed, left = self.count * quota.each, quota.limit - quota.used
        detail = f"{self.count} {self.kind} take {needed} virtual processors; {left} of {quota.limit} are left in {self.region}"
        if needed > left:
            yield Advice(self.name, "error", detail, "Ask for a higher quota; it takes days, not minutes.", "F057")
        else:
            yield Advice(self.name, "ok", detail)


@dataclass(frozen=True)
class ImageThere:
    """Whether the image that a step starts machines from is in the region where it starts them."""

    cloud: Cloud
    step: str
    region: str
    image: str

    @property
    def name(self) -> str:
        return f"image {self.step}"

    def advice(self) -> Iterable[Advice]:
        if self.cloud.has_image(self.region, self.image):
            yield Advice(self.name, "ok", f"{self.image} is in {self.region}")
        else:
            what = f"{self.image} is not in {self.region}: it would stay behind in the lost region"
            yield Advice(self.name, "error", what, "Copy it there, and name the copy.", "F052")


@dataclass(frozen=True)
class CloudClock:
    """Whether this machine's clock agrees with the cloud's."""

    cloud: Cloud

    @property
    def name(self) -> str:
        return f"clock {self.cloud.provider}"

    def advice(self) -> Iterable[Advice]:
        ahead_s = self.cloud.ahead_s()
        detail = f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s >= 0 else 'behind'} the cloud's clock"
        level: Level = "ok" if abs(ahead_s) <= CLOCK_LIMIT_S + 1 else "warning" if abs(ahead_s) <= SIGNATURE_LIMIT_S else "error"
        yield Advice(self.name, level, detail, "" if level == "ok" else "Synchronise this machine's clock: calls are signed with its time.")
