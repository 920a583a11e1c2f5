"""How Claude is told to think, wherever it runs. Pure.

https://docs.claude.com/en/docs/about-claude/models/migration-guide
"""

import re
from typing import Final

EFFORTS: Final = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
"""What a model that sees for itself how much it thinks is told for each `reasoning_effort`."""

BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384}
"""Tokens that an older model may think for each `reasoning_effort`."""

LEAST_BUDGET: Final = 1024
"""The provider takes no smaller one, and wants room for words behind it."""

_BY_BUDGET: Final = re.compile(
    r"claude-(?:3-7-sonnet|(?:opus|sonnet|haiku)-4)(?:-[015])?(?:-20[0-9]{6}|-latest)?(?:$|[@:]|-v)"
)
"""Names of the models that take a budget; no newer one does, and these will not be more."""


def thinks_by_budget(model: str) -> bool:
    """Say whether a model is told how many tokens it may think."""
    return _BY_BUDGET.search(model) is not None
