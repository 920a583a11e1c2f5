"""The kinds of providers by name, each module checked against the contract."""

from collections.abc import Mapping
from typing import Final

from gateway.providers import Provider, anthropic, echo, openai
from gateway.providers.known import KNOWN

TABLE: Final[Mapping[str, Provider]] = {
    "openai": openai,
    "anthropic": anthropic,
    "echo": echo,
    **{
        each.kind: openai.kind_of(
            each.title,
            each.base_url,
            openai.Quirks(each.lists, each.running_usage, each.usage_unasked, each.renames),
        )
        for each in KNOWN
    },
}
