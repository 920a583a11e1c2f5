"""What the operator can set about the log."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class LogOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`auto` writes text on a terminal and JSON elsewhere."""

    log_format: Annotated[
        Literal["auto", "text", "json"],
        Meta(description="`auto`: text on a terminal, JSON elsewhere."),
    ] = "auto"
