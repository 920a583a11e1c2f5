"""Signals as bytes on a socket, for a process that waits for nothing else but sockets."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.drain import SIGNALS

ORDERS = (*SIGNALS, signal.SIGUSR1, signal.SIGHUP)
"""Signals that are heeded. One has all workers show what is open; the last, read anew what they go
by.
"""


@contextmanager
def wakeups_of_signals() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Turn signals into bytes on a socket, the first of the pair, so that none slips between."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    numbers = (*ORDERS, signal.SIGCHLD)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    old = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield reader, writer
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in zip(numbers, before, strict=True):
            # One that comes late must not kill what is about to end by itself.
            signal.signal(number, signal.SIG_IGN if number in SIGNALS else handler)
        reader.close()
        writer.close()
