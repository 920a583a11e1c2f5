"""What the operator can set about the log and about receipts."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.words.secret import Secret


class LogOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`auto` writes text on a terminal and JSON elsewhere."""

    log_format: Annotated[
        Literal["auto", "text", "json"],
        Meta(description="`auto`: text on a terminal, JSON elsewhere."),
    ] = "auto"
    receipts: Annotated[
        Secret | None,
        Meta(
            description="Where receipts of calls go besides the ledger, as lines of JSON:"
            " `file:///var/log/gateway/receipts.jsonl`, or an HTTP sink that is sent batches,"
            " `https://[user:password@]host/path`. Unset: nowhere."
        ),
    ] = None
