"""`drill init`: a first scenario that passes `drill check`, to be made one's own."""

from __future__ import annotations

from pathlib import Path

import click

from drill.model.errors import UsageError

_STARTER = """\
# yaml-language-server: $schema=schema.json
# A first drill: a region dies and comes back, for real, in the sandbox on this machine. Make it yours piece by piece:
# `drill check` finds what is wrong with it, `drill plan` shows what it would do, `drill run --dry-run` rehearses it, `drill run` plays it.
# For clouds, for machines of your own, and for smaller losses, copy one of the project's scenarios: its README says what each shows.
scenario: {name}
title: {{en: My first drill, zh: 第一次演练}}
objectives: {{rto: 2m, rpo: 10s}}         # what was promised; the drill measures what really happens

sites:                                  # your own: {{provider: aliyun, region: cn-hangzhou}} and so on
  primary: {{provider: sandbox, region: a}}
  standby: {{provider: sandbox, region: b}}

steady_state: [checkout]                # must be healthy before the drill, and again after it
probes:
  checkout:                             # what a user does; the recovery time is measured with it
    http: "http://shop.drill.test:{{{{ sites.primary.shop_port }}}}/checkout"
    method: POST
    every: 100ms
    timeout: 1s
    user_view: true
canary: {{postgres: secret:CANARY_DSN, every: 100ms}}    # numbered rows: the data loss is counted with them

limits:                                 # how far the drill may reach; anything else is refused
  max_changes: 20
  allow: ["primary/*", "standby/*", shop.drill.test]
  # freeze: ["2027-02-05..2027-02-22 Asia/Shanghai"]

contacts:                               # numbers are secrets: outside the sandbox set DRILL_SECRET_ONCALL_PHONE and so on
  oncall: {{title: On-call SRE, sms: secret:ONCALL_PHONE}}
  lead:   {{title: Duty lead, sms: secret:LEAD_PHONE}}

messages:
  sms:
    provider: aliyun
    sign: secret:SMS_SIGN
    templates:                          # what you had approved by the carrier: see `drill sms templates`
      gate:       {{zh: SMS_DRILL_GATE_ZH, en: SMS_DRILL_GATE_EN}}
      joint:      {{zh: SMS_DRILL_JOINT_ZH, en: SMS_DRILL_JOINT_EN}}
      status:     {{zh: SMS_DRILL_STATUS_ZH, en: SMS_DRILL_STATUS_EN}}
      escalation: {{zh: SMS_DRILL_ESCALATION_ZH, en: SMS_DRILL_ESCALATION_EN}}
      hold:       {{zh: SMS_DRILL_HOLD_ZH, en: SMS_DRILL_HOLD_EN}}
      result:     {{zh: SMS_DRILL_RESULT_ZH, en: SMS_DRILL_RESULT_EN}}

defaults:
  acknowledge: {{ask: [oncall], then: [lead], within: 1m, silence: hold}}

phases:
  go:                                   # a phase without steps is its question: nothing is touched before the yes
    acknowledge: {{when: before, ask: [lead], then: [oncall], within: 2m, silence: abort}}
  before:                               # a standby that lags would lose more than was promised: then nothing is touched
    after: [go]
    budget: 5s
    acknowledge: none
    steps:
      replication: {{verify.replication: {{site: standby, from: primary, max_lag: 5s}}}}
  outage:
    after: [before]
    budget: 5s
    acknowledge: none                   # sends its status, asks nothing
    steps:
      blackhole: {{outage.isolate: {{site: primary}}}}
  detect:
    after: [outage]
    budget: 5s
    acknowledge: none
    steps:
      heartbeat: {{detect.heartbeat: {{probe: checkout, every: 500ms, misses: 3}}}}
  rebuild:                              # runs beside the database: both wait for the detection only
    after: [detect]
    budget: 20s
    acknowledge: none
    steps:
      capacity:
        terraform.apply:
          module: terraform/sites/sandbox
          site: standby
          variables:
            addresses: "{{{{ sites.standby.addresses }}}}"
            port: "{{{{ sites.standby.shop_port }}}}"
            control: "{{{{ sites.standby.control }}}}"
  data:
    after: [detect]
    budget: 20s
    acknowledge: none
    steps:
      fence: {{fence: {{site: primary}}}}   # before every promotion: two primaries would take writes that nobody can merge
      promote:
        database.promote: {{site: standby, playbook: promote_postgres.yml}}
        after: [fence]
      writable:
        verify.sql: {{site: standby, sql: select pg_is_in_recovery(), equals: false, until: 5s}}
        after: [promote]
  traffic:
    after: [rebuild, data]
    budget: 10s
    steps:
      switch:
        dns.switch: {{name: shop.drill.test, from: primary, to: standby, values: "{{{{ steps.capacity.outputs.addresses }}}}", ttl: 1s}}
      proof:
        probe.until: {{probe: checkout, ok_in_a_row: 20, site: standby}}
        after: [switch]

failback:                               # after the verdict: the data goes home, then the traffic, then what was built is removed
  phases:
    data_home:
      budget: 1m
      acknowledge: none
      steps:
        revive: {{outage.restore: {{of: outage.blackhole, site: primary}}}}
        rejoin:
          ansible.play: {{playbook: rejoin_postgres.yml, site: primary}}
          after: [revive]
        roles:
          ansible.play: {{playbook: switchover_postgres.yml, site: primary}}
          after: [rejoin]
        streams:
          verify.replication: {{site: standby, from: primary, until: 20s}}
          after: [roles]
    traffic_home:
      after: [data_home]
      budget: 20s
      acknowledge: none
      steps:
        switch: {{dns.switch: {{name: shop.drill.test, from: standby, to: primary, ttl: 1s}}}}
        proof:
          probe.until: {{probe: checkout, ok_in_a_row: 20, site: primary}}
          after: [switch]
    release:
      after: [traffic_home]
      budget: 30s
      acknowledge: none
      steps:
        capacity: {{terraform.destroy: {{of: rebuild.capacity}}}}
"""


def starter(name: str) -> str:
    """The text of a first scenario."""
    return _STARTER.format(name=name)


@click.command()
@click.argument("name", default="first-drill")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("scenarios"),
    show_default=True,
    help="Where to write it.",
)
def init(name: str, folder: Path) -> None:
    r"""Write a first scenario and the schema that editors complete it from. Never overwrites a scenario.

    \b
    Example:
      drill init region-outage
      drill run scenarios/region-outage.yaml --dry-run
      drill run scenarios/region-outage.yaml
    """
    from drill.cli.schema import schema_text

    if not name.replace("-", "a").replace("_", "a").isalnum() or not name[0].isalpha() or name != name.lower() or not name.isascii():
        raise UsageError(f"'{name}' is no name for a scenario.", fix="Use small letters, digits and -, starting with a letter.")
    path = folder / f"{name}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(starter(name))
        (folder / "schema.json").write_text(schema_text(), encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(f"{path} exists already.", fix="Choose another name.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", fix="Choose another folder with --dir.") from error
    click.echo(f"wrote {path}; next: `drill plan {path}` shows what it would do, `drill run {path}` plays it in the sandbox")


command = init
