"""The names of tools, and the ids of their calls, as AWS Bedrock's Converse takes them. Pure.

What the provider would refuse goes out as another, the same each time; a name comes back as it was.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from msgspec import Raw

from gateway.forms.chat_request import names_of

_FIT_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FIT_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_-]")
_KEPT: Final = 50
"""Characters of a name that are seen in its other one; the provider takes 64."""


def told_name(name: str) -> str:
    """Return the name by which the provider is told of a tool: its own, where it may be."""
    if _FIT_NAME.fullmatch(name):
        return name
    return f"{_UNFIT.sub('_', name[:_KEPT])}_{_mark(name, 6)}"


def told_id(id: str) -> str:
    """Return the id by which the provider is told of a call: its own, where it may be."""
    return id if _FIT_ID.fullmatch(id) else f"call_{_mark(id, 16)}"


def names_back(fields: Mapping[str, Raw]) -> dict[str, str]:
    """Return the own names of a request's tools, by those that the provider is told instead."""
    return names_of(fields, told_name)


def _mark(text: str, size: int) -> str:
    return blake2b(text.encode(errors="replace"), digest_size=size).hexdigest()
