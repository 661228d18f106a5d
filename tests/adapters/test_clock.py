"""The system's clock: one epoch per process, one monotonic zero per boot."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC

from drill.adapters.clock import SystemClock

ASK = "from drill.adapters.clock import SystemClock; c = SystemClock(); print(c.epoch, c.mono_s())"


def test_two_processes_share_the_boot_and_the_monotonic_zero_but_not_the_epoch() -> None:
    ours = SystemClock()
    before_s = ours.mono_s()

    epoch, mono = subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True).stdout.split()

    assert before_s < float(mono) < ours.mono_s()
    assert epoch != ours.epoch
    assert epoch.partition("-")[0] == ours.epoch.partition("-")[0]


def test_the_epoch_of_a_process_never_changes_and_its_time_is_aware() -> None:
    assert SystemClock().epoch == SystemClock().epoch
    assert SystemClock().now().tzinfo is UTC
