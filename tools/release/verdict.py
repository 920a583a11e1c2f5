"""What a check of a release found, for the one who reads it and for the program that ran it."""

import sys
from collections.abc import Iterable


def told(problems: Iterable[str]) -> int:
    """Say what is wrong, a line each; return the code with which to exit."""
    lines = list(problems)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0
