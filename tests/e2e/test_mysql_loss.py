"""The loss of a MySQL primary, for real: two MariaDB servers, fenced, promoted and home again, measured, no password anywhere."""

from __future__ import annotations

import pytest
import yaml

from tests.adapters import my_control
from tests.e2e.mysql_place import shop, shop_pair, start, told_passwords, trouble
from tests.e2e.place import Place

pytestmark = [pytest.mark.real, pytest.mark.sweep]

_SCENARIO = """
scenario: mysql-loss
title: The database server is lost
objectives: {rto: 2m, rpo: 30s}
steady_state: [checkout]
probes: {checkout: {http: "%(health)s", every: 100ms, timeout: 2s, user_view: true}}
canary: {mysql: secret:CANARY, every: 100ms}
limits: {max_changes: 20, allow: ["primary/*", "standby/*"]}
phases:
  before:
    acknowledge: none
    steps:
      replication: {verify.replication: {site: standby, from: primary}}
      rows: {verify.rows: {site: primary, tables: [orders]}, after: [replication]}
  outage:
    after: [before]
    acknowledge: none
    steps:
      freeze:
        outage.command:
          site: primary
          run: [kill, -STOP, "%(pid)d"]
          undo: [sh, -c, "kill -CONT %(pid)d 2>/dev/null; true"]
          changes: [{target: primary/database, verb: stop, count: 1}]
  detect: {after: [outage], acknowledge: none, steps: {heartbeat: {detect.heartbeat: {probe: checkout, every: 500ms, misses: 2}}}}
  data:
    after: [detect]
    acknowledge: none
    steps:
      fence: {fence: {site: primary}}
      promote: {database.promote: {site: standby, playbook: promote_mysql.yml, max_lag_transactions: 1000}, after: [fence]}
      writable: {verify.sql: {site: standby, sql: select @@global.read_only, equals: 0, until: 10s}, after: [promote]}
      rows: {verify.rows: {site: standby, tables: [orders], equal: "{{ steps.before.rows.outputs.tables }}"}, after: [promote]}
      proof: {probe.until: {probe: checkout, ok_in_a_row: 10}, after: [writable]}
failback:
  phases:
    home:
      acknowledge: none
      steps:
        end: {outage.end: {of: outage.freeze, site: primary}}
        rejoin: {ansible.play: {playbook: rejoin_mysql.yml, site: primary}, after: [end]}
        roles: {ansible.play: {playbook: switchover_mysql.yml, site: primary}, after: [rejoin]}
        streams: {verify.replication: {site: standby, from: primary, until: 30s}, after: [roles]}
"""


def test_a_lost_mysql_primary_is_fenced_replaced_and_brought_home(place: Place) -> None:
    with shop_pair() as pair, shop(pair) as health:
        frozen = my_control.server(pair.a.data)
        assert frozen is not None
        engine = start(place, pair, yaml.safe_load(_SCENARIO % {"health": health, "pid": frozen.pid}), "lost")

        assert engine.ended(within_s=240) == 0, trouble(engine)
        done = {fact["data"]["step"]: fact["data"]["outputs"] for fact in engine.told("StepSucceeded")}
        assert "refused" in done["data.fence"]["proof"]["write"]
        assert (done["data.promote"]["engine"], done["data.promote"]["lag_known"]) == ("mariadb", True)
        assert done["data.rows"]["tables"]["orders"]["rows"] == 500
        assert done["home.streams"]["lag_transactions"] is not None
        assert (pair.a.sql("select @@read_only"), pair.b.sql("select @@read_only")) == ("0", "1")
        loss = place.report("lost")["rpo"]
        assert loss["acknowledged_rows"] > 10
        assert loss["lost_rows"] is not None
        assert told_passwords(place) == []
