"""The kinds of providers by name, each module checked against the contract."""

from collections.abc import Mapping
from typing import Final

from gateway.providers import (
    Provider,
    anthropic,
    azure,
    bedrock,
    cohere,
    echo,
    gemini,
    ollama,
    openai,
    vertex,
    vertex_anthropic,
)
from gateway.providers.known import KNOWN

TABLE: Final[Mapping[str, Provider]] = {
    "openai": openai,
    "anthropic": anthropic,
    "azure": azure,
    "bedrock": bedrock,
    "vertex-anthropic": vertex_anthropic,
    "gemini": gemini,
    "vertex": vertex,
    "cohere": cohere,
    "ollama-native": ollama,
    "echo": echo,
    **{
        each.kind: openai.kind_of(
            each.title,
            each.base_url,
            openai.Quirks(
                *(each.lists, each.running_usage, each.usage_unasked, each.renames, each.responses),
                *(each.takes, each.dialect),
            ),
        )
        for each in KNOWN
    },
}
