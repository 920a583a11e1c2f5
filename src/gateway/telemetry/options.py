"""What the operator can set about the log."""

from typing import Literal

import msgspec


class LogOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`auto` writes text on a terminal and JSON elsewhere."""

    log_format: Literal["auto", "text", "json"] = "auto"
