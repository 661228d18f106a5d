"""Reads what the Alibaba SMS service's audit says of a sign and of the templates a plan sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from drill.adapters.sms_aliyun_errors import failed, meaning_of, redact
from drill.adapters.sms_aliyun_sdk import Account, open_client
from drill.model.errors import Retryable
from drill.model.ports import Audited
from drill.model.wording import CATALOGUE, Template, placeholders

_STATES: Final[Mapping[str, str]] = {"0": "in audit", "1": "approved", "2": "rejected", "10": "cancelled"}
_REGISTERED: Final[Mapping[str, str]] = {
    "3": "registered",
    "1": "registered, to be verified",
    "0": "registration failed",
    "2": "registration expired",
    "-1": "being registered",
    "-2": "not registered",
}


class AliyunAudit:
    """The audit of one account's sign and templates (port Auditor).

    `templates` maps purpose to language to template code; `needed` says which of the texts a plan sends.
    """

    def __init__(
        self,
        account: Account,
        *,
        sign: str,
        templates: Mapping[str, Mapping[str, str]],
        needed: Callable[[Template], bool] = lambda _template: True,
    ) -> None:
        self._account = account
        self._sign = sign
        self._templates = templates
        self._needed = needed
        self._opened: tuple[Any, Any] | None = None
        self._opening = threading.Lock()

    def audit(self) -> list[Audited]:
        """One row for the sign, one for each text that is needed, missing ones included."""
        rows = [self._audit_sign()]
        for template in filter(self._needed, CATALOGUE.values()):
            purpose, language = template.purpose, template.language
            code = self._templates.get(purpose, {}).get(language)
            name = f"{purpose} {language}"
            if code is None:
                rows.append(Audited(name, ok=False, state="missing", detail=f"Add messages.sms.templates.{purpose}.{language}."))
            else:
                rows.append(self._audit_template(f"{name} {code}", code, template))
        return rows

    def _audit_sign(self) -> Audited:
        body = self._ask("get_sms_sign", "GetSmsSignRequest", sign_name=self._sign)
        if str(body.code) != "OK":
            return _refused("sign", body)
        state = _STATES.get(str(body.sign_status), f"state {body.sign_status}")
        rows = body.sign_isp_register_detail_list or []
        carriers = [f"{row.operator_code}: {_REGISTERED.get(str(row.register_status), str(row.register_status))}" for row in rows]
        return Audited("sign", ok=state == "approved", state=state, detail="; ".join([*_reasons(body), *carriers]))

    def _audit_template(self, name: str, code: str, ours: Template) -> Audited:
        body = self._ask("get_sms_template", "GetSmsTemplateRequest", template_code=code)
        if str(body.code) != "OK":
            return _refused(name, body)
        state = _STATES.get(str(body.template_status), f"state {body.template_status}")
        unknown = [variable for variable in placeholders(str(body.template_content or "")) if variable not in ours.variables]
        trouble = [f"it wants ${{{variable}}}, which no drill fills" for variable in unknown]
        return Audited(name, ok=state == "approved" and not trouble, state=state, detail="; ".join([*_reasons(body), *trouble]))

    def _ask(self, method: str, request: str, **fields: str) -> Any:
        try:
            client, models = self._sdk()
            body = getattr(client, method)(getattr(models, request)(**fields)).body
        except Exception as error:
            result = failed(error)
            raise Retryable(f"the SMS provider's audit cannot be read: {result.code}.", code="A152", fix=result.detail) from error
        if body is None or not body.code:
            fix = "See what stands between this machine and the provider."
            raise Retryable("the SMS provider's audit cannot be read: what came back is not its answer.", code="A152", fix=fix)
        return body

    def _sdk(self) -> tuple[Any, Any]:
        with self._opening:
            if self._opened is None:
                from alibabacloud_dysmsapi20170525 import models
                from alibabacloud_dysmsapi20170525.client import Client

                self._opened = (open_client(Client, self._account), models)
            return self._opened


def _reasons(body: Any) -> list[str]:
    said = getattr(body.audit_info, "reject_info", "") if body.audit_info else ""
    return [redact(str(said))] if said else []


def _refused(name: str, body: Any) -> Audited:
    code = str(body.code)
    return Audited(name, ok=False, state=code, detail=f"{redact(str(body.message or ''))} {meaning_of(code).fix}".strip())
