"""What the operator can set about the shared store."""

import importlib.util
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.store.address import parse_store_url
from gateway.words.secret import Secret

PACKAGE: Final = "coredis"
MISSING: Final = "needs the extra `shared`: pip install 'nursery-gateway[shared]'"

POSTGRES: Final = "psycopg"
NO_POSTGRES: Final = "needs the extra `postgres`: pip install 'nursery-gateway[postgres]'"


Loss = Literal["local", "open", "closed"]
"""What becomes of limits and budgets while the shared store is away."""


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What outlives a process, and what several processes and machines have in common."""

    database: Annotated[
        Secret | None,
        Meta(
            description="The database: `sqlite:///gateway.db` beside the configuration, or"
            " `sqlite:////var/lib/gateway/gateway.db`, for one machine; or"
            " `postgresql://user:password@host:5432/name`, also with `?sslmode=…`, for several. It"
            " holds the ledger, which `gateway usage` adds up, and the keys. The tables are made if"
            " they are not there. PostgreSQL needs the extra `postgres`. Unset: nothing is kept.",
            extra_json_schema={
                "pattern": r"^$|^sqlite:///[^:?#]([^?#]*[^?#/])?$|^postgres(ql)?://."
            },
        ),
    ] = None
    shared: Annotated[
        Secret | None,
        Meta(
            description="The address of a Valkey or Redis (6 or later) that several processes and"
            " machines share: limits, budgets, what they know of homes at rest, kept answers."
            " `redis://[user:password@]host:port/db`, `rediss://…` with TLS, or"
            " `unix:///path?db=0`. It needs the extra `shared`."
        ),
    ] = None
    on_shared_loss: Annotated[
        Loss,
        Meta(
            description="What becomes of limits and budgets while the store is away. `local`: each"
            " process counts by itself, and spends what was left when it last knew. `open`: calls"
            " are let in, and what they spend is told afterwards. `closed`: a call that a limit or"
            " a budget holds for is refused with 503. Rests and kept answers are local in any case."
        ),
    ] = "local"


def fault(options: StoreOptions, package: str = PACKAGE) -> str | None:
    """Say what is wrong with the options, in a sentence without any secret; None: nothing is."""
    if options.shared is None:
        return None
    try:
        parse_store_url(options.shared.reveal())
    except ValueError as error:
        return str(error)
    return None if importlib.util.find_spec(package) is not None else MISSING
