"""Signals as bytes: each that is heeded wakes who waits, and all is as before afterwards."""

import os
import select
import signal

import pytest

from gateway.drain import SIGNALS
from gateway.wakeups import ORDERS, wakeups_of_signals


def test_each_signal_that_is_heeded_is_a_byte_and_none_kills() -> None:
    before = {number: signal.getsignal(number) for number in ORDERS}
    try:
        with wakeups_of_signals() as (reader, _):
            for number in ORDERS:
                os.kill(os.getpid(), number)
                assert select.select([reader], [], [], 5)[0] == [reader]
                assert reader.recv(16) == bytes([number])
            with pytest.raises(BlockingIOError):
                reader.recv(1)
        assert all(signal.getsignal(number) == signal.SIG_IGN for number in SIGNALS)
        assert signal.getsignal(signal.SIGHUP) == before[signal.SIGHUP]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
