"""Takes signs for the plain ones that they look like: of full width, other spaces, dashes, digits.

People and models write numbers with them, and mean the same. One sign stays one sign, so that all
keep their places. Pure.
"""

from typing import Final

_SPACES: Final = (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_DASHES: Final = (*range(0x2010, 0x2014), 0x2212, 0xFE63)
_ZEROS: Final = (0x660, 0x6F0, 0x966, 0x9E6, 0xE50)
"""Where the ten digits begin: Arabic, Persian, Devanagari, Bengali, Thai."""

_FULL_WIDTH: Final = 0xFF01 - ord("!")

_PLAIN: Final = (
    {sign + _FULL_WIDTH: chr(sign) for sign in range(ord("!"), ord("~") + 1)}
    | dict.fromkeys(_SPACES, " ")
    | dict.fromkeys(_DASHES, "-")
    | {zero + digit: str(digit) for zero in _ZEROS for digit in range(10)}
)


def plain(text: str) -> str:
    """Return a text in plain signs, of the same length."""
    return text if text.isascii() else text.translate(_PLAIN)
