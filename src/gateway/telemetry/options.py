"""What the operator can set about the log, about receipts and about traces."""

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
    otlp_endpoint: Annotated[
        Secret | None,
        Meta(
            description="Where traces of calls go: a collector that takes OTLP over HTTP, such as"
            " `http://localhost:4318`, or `https://[user:password@]host/path`. `/v1/traces` is"
            " added unless it stands there. It needs the extra `otel`. Unset: nowhere, and what"
            " clients say of their traces is passed on as it is."
        ),
    ] = None
    otlp_headers: Annotated[
        dict[str, Secret],
        Meta(
            description="Header fields that the collector is shown, each a secret. In their values"
            " a space is written as `%20`: `Bearer%20…`."
        ),
    ] = msgspec.field(default_factory=dict)
    trace_sample: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="The share of the traces that begin here which is told. Where a client"
            " says whether its own is, that holds.",
        ),
    ] = 1.0
    service_name: Annotated[
        str,
        Meta(min_length=1, max_length=255, description="What traces call this gateway."),
    ] = "nursery-gateway"
