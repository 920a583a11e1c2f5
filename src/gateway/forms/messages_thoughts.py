"""Carries thoughts of other providers through Anthropic's Messages, and back. Pure.

A client of Messages gives thoughts back as it got them, and only those that bear a signature. So a
thought that is not Anthropic's gets one from the gateway: it says that there is none, or it holds
what the thought's own provider wants to see again. Anthropic is never shown such a thought.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

import msgspec

SEAL: Final = "gateway.thought."
"""What the gateway's own signatures begin with; none of Anthropic's holds a full stop."""

UNSIGNED: Final = SEAL + "unsigned"
"""The signature of a thought that nobody has signed."""

MOST_PARTS: Final = 4_096
"""Marks of JSON in the details of a thought, those within its texts included; few are parts."""

Detail = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def seal(detail: Detail) -> str:
    """Return a signature that holds the details of a thought."""
    return SEAL + urlsafe_b64encode(_encode(detail)).decode()


def is_sealed(signature: str) -> bool:
    """Say whether a signature is the gateway's own."""
    return signature.startswith(SEAL)


def unseal(signature: str) -> Detail | None:
    """Return the details that a signature holds; None where it holds none that can be read."""
    try:
        written = urlsafe_b64decode(signature.removeprefix(SEAL))
        few = written.count(b",") + written.count(b"[") + written.count(b"{") <= MOST_PARTS
        return _decode(written) if few else None
    except (ValueError, RecursionError):
        return None
