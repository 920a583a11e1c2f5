"""What the operator can set about the shared store."""

import importlib.util
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.store.address import parse_store_url
from gateway.words.secret import Secret

PACKAGE: Final = "coredis"
MISSING: Final = "needs the extra `shared`: pip install 'nursery-gateway[shared]'"


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What outlives a process, and what several processes and machines have in common."""

    database: Annotated[
        str,
        Meta(
            description="The database of this machine: `sqlite:///gateway.db` beside the"
            " configuration, or `sqlite:////var/lib/gateway/gateway.db`. It holds the ledger, which"
            " `gateway usage` adds up, and the keys. It is made if it is not there. Unset: nothing"
            " is kept.",
            extra_json_schema={"pattern": r"^$|^sqlite:///[^:?#]([^?#]*[^?#/])?$"},
        ),
    ] = ""
    shared: Annotated[
        Secret | None,
        Meta(
            description="The address of a Valkey or Redis (6 or later) that several processes and"
            " machines share, for what they know of homes at rest and for kept answers:"
            " `redis://[user:password@]host:port/db`, `rediss://…` with TLS, or"
            " `unix:///path?db=0`. It needs the extra `shared`."
        ),
    ] = None
    on_shared_loss: Annotated[
        Literal["local"],
        Meta(description="While the store is away, each process goes by what it knows itself."),
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
