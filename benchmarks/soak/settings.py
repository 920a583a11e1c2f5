"""The gateway's configuration in a soak: clocks so short that each rings now and again. Pure.

What clients and providers do (`plan`, `client`, `provider`) and what is expected (`explain`) leaves
a second between any two of these, for a machine that is busy.
"""

from collections.abc import Sequence
from typing import Final

from benchmarks.soak.explain import FIRST_TOKEN, HEAD_AFTER
from benchmarks.soak.odd import MAX_BODY_BYTES

WRITE_TIMEOUT: Final = 2.0
"""A reader that stalls does so for longer (`client.STALL`)."""

PATIENCE: Final = 2.0
"""For a head, and for a piece of a body."""

KEEP_ALIVE: Final = 5.0
"""Clients use a connection again for no longer than `client.KEPT`."""

IDLE: Final = 2.0
TOTAL: Final = 9.0
KEEPALIVE_INTERVAL: Final = 0.5
DRAIN_TIMEOUT: Final = 15.0
"""Longer than any call lasts."""

SERVER: Final = f"""\
[server]
host = "127.0.0.1"
port = 0
max_body_bytes = {MAX_BODY_BYTES}
head_timeout = {PATIENCE}
body_timeout = {PATIENCE}
keep_alive = {KEEP_ALIVE}
write_timeout = {WRITE_TIMEOUT}
keepalive_interval = {KEEPALIVE_INTERVAL}
head_after = {HEAD_AFTER}
drain_timeout = {DRAIN_TIMEOUT}

[admin]
port = {{admin}}

# So that each call is explained by what its provider was told to do, once.
[defaults]
retries = 0
cooldown = {{{{ failures = 0 }}}}
"""

PROVIDER: Final = """
[providers.p{number}]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = ["m{number}"]
timeouts = {{ first_token = {first_token}, idle = {idle}, total = {total} }}
"""


def configuration(admin: int, ports: Sequence[int]) -> str:
    """Return the file for a gateway with its admin on this port and providers on those."""
    tables = [
        PROVIDER.format(
            number=number, port=port, first_token=FIRST_TOKEN[number], idle=IDLE, total=TOTAL
        )
        for number, port in enumerate(ports)
    ]
    return SERVER.format(admin=admin) + "".join(tables)
