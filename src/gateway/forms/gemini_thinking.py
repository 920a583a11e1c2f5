"""How much a Gemini model thinks: by a level, by a budget of tokens, or not at all. Pure.

https://ai.google.dev/gemini-api/docs/thinking
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Thinking:
    """A family of models: the field that says how much it thinks, and a value for each effort.

    With `must_sign` it refuses calls of its tools that come back without a signature.
    """

    told_as: str = ""
    efforts: Mapping[str, str | int] = field(default_factory=dict)
    must_sign: bool = False


_LEVEL: Final = "thinkingLevel"
_BUDGET: Final = "thinkingBudget"

_BUDGETS: Final[Mapping[str, int]] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
_LEVELS: Final[Mapping[str, str]] = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
}

# The first that fits counts; a model of a later day is taken for one of levels.
_FAMILIES: Final = tuple(
    (re.compile(pattern), thinking)
    for pattern, thinking in (
        (r"gemini-(?:1\.|2\.0)|gemma|learnlm|-image|-tts", Thinking()),
        (r"gemini-2\.5-pro", Thinking(_BUDGET, _BUDGETS)),
        (r"gemini-2\.5|robotics-er-1\.5", Thinking(_BUDGET, {"none": 0, **_BUDGETS})),
        (
            r"gemini-[0-9.]*-?pro",
            Thinking(_LEVEL, {**_LEVELS, "minimal": "LOW"}, must_sign=True),
        ),
        (r"", Thinking(_LEVEL, _LEVELS, must_sign=True)),
    )
)


def thinking_of(model: str) -> Thinking:
    """Return how a model thinks, by its name."""
    return next(thinking for pattern, thinking in _FAMILIES if pattern.search(model))
