"""What holds for every test, wherever the tests are started."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a shell, we and all our children would be deaf to interrupts, which many tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)
