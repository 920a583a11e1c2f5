"""Reads what a provider has said into what the gateway knows of it, or not at all. Pure."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from gateway.forms.text import without_halves

_T = TypeVar("_T")


def decoded(decode: Callable[[bytes], _T], data: bytes) -> _T | None:
    """Read JSON by a typed decoder; None if it cannot be read (U16).

    Half a surrogate pair, which JSON's grammar allows and msgspec does not decode, is replaced.
    """
    try:
        return decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return decode(without_halves(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
