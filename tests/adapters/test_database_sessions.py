"""What a write that did not go through proves: only words that show that the server takes none, or is not there, are a proof."""

from __future__ import annotations

import pytest

from drill.adapters.canary_connection import ConnectionBroken
from drill.adapters.database_sessions import Refusal, refusal
from drill.adapters.mysql_connection import MysqlBroken

TO = 'connection to server at "192.0.2.1", port 5432 failed: '


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (ConnectionBroken(f"{TO}Connection refused"), "refused"),
        (ConnectionBroken(f"{TO}server closed the connection unexpectedly"), "refused"),
        (ConnectionBroken(f"{TO}FATAL:  the database system is shutting down"), "refused"),
        (ConnectionBroken("cannot assign TransactionIds during recovery", "XX000"), "refused"),
        (ConnectionBroken("die Transaktion ist nur lesend", "25006"), "refused"),
        (ConnectionBroken("no answer in time"), "silent"),
        (ConnectionBroken(f"{TO}received invalid response to SSL negotiation: H"), "unproved"),
        (ConnectionBroken(f"{TO}No route to host"), "unproved"),
        (ConnectionBroken(f"{TO}Network is unreachable"), "unproved"),
        (ConnectionBroken(f'{TO}FATAL:  no pg_hba.conf entry for host "192.0.2.9", user "drill"'), "unproved"),
        (ConnectionBroken(f"{TO}server does not support SSL, but SSL was required"), "unproved"),
        (ConnectionBroken(f"{TO}SSL error: certificate verify failed"), "unproved"),
        (ConnectionBroken(f'{TO}FATAL:  password authentication failed for user "drill"'), "unproved"),
        (ConnectionBroken(f"{TO}FATAL:  sorry, too many clients already"), "unproved"),
        (ConnectionBroken("permission denied for function pg_logical_emit_message", "42501"), "unproved"),
        (MysqlBroken("The MySQL server is running with the --read-only option", 1290), "refused"),
        (MysqlBroken("Can't connect", 2003, errno=111), "refused"),
        (MysqlBroken("Can't connect", 2003, errno=113), "unproved"),
        (MysqlBroken("DROP command denied", 1142), "unproved"),
        (MysqlBroken("timed out", 2013, silent=True), "silent"),
    ],
)
def test_only_what_shows_that_no_write_is_taken_counts_as_refused(broken: ConnectionBroken, says: Refusal) -> None:
    assert refusal(broken) == says
