"""The gateway's configuration in these courses, and what a token costs in them. Pure."""

import json
from dataclasses import dataclass
from typing import Final

from gateway.policy.keys import digest_of

PEPPER: Final = "a-pepper-for-benchmarks-alone"
PEPPER_NAME: Final = "ACCOUNTS_PEPPER"
SECRET: Final = "ngw-a-key-for-benchmarks-alone"  # noqa: S105 (it opens a gateway on loopback)
MODEL: Final = "m"
KEY: Final = "ci"

TOKEN_NANOS: Final = 1_000_000
"""What a token costs, read or written: a thousandth of a dollar, so that figures can be read."""

CONFIGURATION: Final = """\
[server]
host = "127.0.0.1"
port = 0
workers = {workers}
drain_timeout = 5.0

[admin]
port = 0

[auth]
pepper = {{ env = "{pepper}" }}

[store]
database = "{database}"
{shared}
[defaults]
retries = 0
cooldown = {{ failures = 0 }}

[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = ["{model}"]

[models."{model}"]
prices = {{ input = {usd}, output = {usd} }}

[[keys]]
name = "{key}"
hash = "{digest}"
{more}
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a gateway differs from course to course. `nanos` is the budget of its one key."""

    nanos: int | None = None
    workers: int = 1
    shared: str = ""
    database: str = "sqlite:///accounts.db"
    limits: str = ""
    """A table of TOML."""


def configuration(port: int, wanted: Wanted) -> str:
    """Return the file for a gateway before a provider on this port."""
    more = f"limits = {wanted.limits}\n" if wanted.limits else ""
    if wanted.nanos is not None:
        # A year: no window may end while something is measured.
        more += f'budgets = [{{ usd = {wanted.nanos / 1e9:.9f}, per = "year" }}]\n'
    return CONFIGURATION.format(
        workers=wanted.workers,
        pepper=PEPPER_NAME,
        database=wanted.database,
        shared=f"shared = {json.dumps(wanted.shared)}\n" if wanted.shared else "",
        port=port,
        model=MODEL,
        usd=float(TOKEN_NANOS * 1_000_000 // 10**9),
        key=KEY,
        digest=digest_of(SECRET.encode(), PEPPER.encode()),
        more=more,
    )
