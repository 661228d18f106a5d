"""What holds for every test, wherever the tests are started."""

from __future__ import annotations

import signal

from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a shell, we and all our children would be deaf to interrupts, which many tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("drill", deadline=None)  # how long an example takes says only how busy the machine is
settings.load_profile("drill")
