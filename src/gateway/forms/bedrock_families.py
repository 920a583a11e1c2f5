"""Of which family a model on AWS Bedrock is, as its id says, and what the families differ in. Pure.

An ARN of somebody's own profile says nothing: such a model is told what its client asks for, and
answers for itself.

https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html
"""

import re
from enum import Enum, auto
from typing import Final


class Family(Enum):
    """Who made a model, as far as it matters for what it is told."""

    CLAUDE = auto()
    NOVA = auto()
    OSS = auto()
    """OpenAI's open weights."""
    GPT = auto()
    """OpenAI's others."""
    OTHER = auto()
    UNKNOWN = auto()


_MARKS: Final = (
    ("claude", Family.CLAUDE),
    ("amazon.nova", Family.NOVA),
    ("gpt-oss", Family.OSS),
    ("openai.", Family.GPT),
)
_CACHES: Final = frozenset({Family.CLAUDE, Family.NOVA, Family.UNKNOWN})
_CACHES_TOOLS: Final = frozenset({Family.CLAUDE, Family.UNKNOWN})
_READS_SIGNATURES: Final = frozenset({Family.CLAUDE, Family.UNKNOWN})

_ONE_AT_A_TIME: Final = re.compile(r"claude-(?:opus|sonnet|haiku)-(?:4-[5-9](?![0-9])|[5-9])")
"""Claudes that can be told to call one tool at a time; older ones take no such field here."""


def family_of(model: str) -> Family:
    """Return the family of a model."""
    for mark, family in _MARKS:
        if mark in model:
            return family
    return Family.UNKNOWN if model.startswith("arn:") else Family.OTHER


def caches(model: str) -> bool:
    """Say whether a model takes marks up to which its prompt is cached; others refuse them."""
    return family_of(model) in _CACHES


def caches_tools(model: str) -> bool:
    """Say whether it takes them among its tools."""
    return family_of(model) in _CACHES_TOOLS


def reads_signatures(model: str) -> bool:
    """Say whether thoughts that Claude has signed are given back to it; others refuse them."""
    return family_of(model) in _READS_SIGNATURES


def takes_one_at_a_time(model: str) -> bool:
    """Say whether a model can be told to call no more than one tool in an answer."""
    return _ONE_AT_A_TIME.search(model) is not None
