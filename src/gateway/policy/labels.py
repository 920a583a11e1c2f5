"""What a client says of a call for the ledger's sake: tags, a session, its own name. Pure.

They change nothing of the call, so what is malformed is left out and refuses nobody.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

MOST_TAGS = 16
MOST_BYTES = 2_048

_LABEL = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.:=/@+-]{0,63}")
_PRODUCT = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.+/-]{0,63}")


class Labels(NamedTuple):
    """What was said; nothing of it is checked by anybody."""

    tags: tuple[str, ...] = ()
    session: str | None = None
    client: str | None = None


def labels_of(headers: Mapping[bytes, bytes]) -> Labels:
    """Read `x-gateway-tags`, a list with commas, `x-gateway-session`, and `user-agent`."""
    said = headers.get(b"x-gateway-tags", b"")[:MOST_BYTES].split(b",")
    tags = dict.fromkeys(tag for each in said if (tag := _label(each, _LABEL)) is not None)
    agent = headers.get(b"user-agent", b"").partition(b" ")[0]
    return Labels(
        tuple(tags)[:MOST_TAGS],
        _label(headers.get(b"x-gateway-session", b""), _LABEL),
        _label(agent, _PRODUCT),
    )


def _label(value: bytes, shape: re.Pattern[bytes]) -> str | None:
    value = value.strip()
    return value.decode("ascii") if shape.fullmatch(value) is not None else None
