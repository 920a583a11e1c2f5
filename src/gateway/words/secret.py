"""A secret that cannot print itself: not by repr, str, format, JSON or pickle (R11, S17)."""

from typing import NoReturn

MASK_KEEPS = 4
MASKS_FROM = 16


class Secret:
    """A string that only `reveal()` gives back; every other way of looking shows a mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Call it at the border, where it is written to a socket."""
        return self._value

    def masked(self) -> str:
        """Return what may be shown: at most the last four characters, none of a short secret."""
        if len(self._value) < MASKS_FROM:
            return "***"
        return "***" + self._value[-MASK_KEEPS:]

    def __repr__(self) -> str:
        return f"Secret({self.masked()})"

    __str__ = masked

    def __format__(self, spec: str) -> str:
        return format(self.masked(), spec)

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared with ==; use hmac.compare_digest on digests")

    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key: digests are

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
