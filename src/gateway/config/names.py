"""Checks the names that an operator gives: to providers, to models, to what stands before them.

And patterns for names, in which a star stands for anything.
"""

import unicodedata

from gateway.policy.fallbacks import ANYTHING

LONGEST_BYTES = 256
MOST_STARS = 4


def check_name(name: str) -> None:
    """Refuse a name that could be mistaken for another, or that breaks a line (R10, R20).

    Names are matched by their bytes, so each must have one spelling. Raises `ValueError`.
    """
    if not name:
        raise ValueError("the name is empty")
    if len(name.encode()) > LONGEST_BYTES:
        raise ValueError(f"the name is longer than {LONGEST_BYTES} bytes")
    if not name.isprintable():
        raise ValueError("the name holds a character that cannot be seen")
    if name != name.strip():
        raise ValueError("the name begins or ends with a space")
    if not unicodedata.is_normalized("NFC", name):
        raise ValueError("the name is not in Unicode's composed form (NFC)")


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that no name could have, or that takes long to compare.

    Raises `ValueError`.
    """
    check_name(pattern)
    if pattern.count(ANYTHING) > MOST_STARS:
        raise ValueError(f"the pattern holds more than {MOST_STARS} stars")
