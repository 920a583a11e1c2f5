"""Whom a deployment asks, and where: LiteLLM's many ways of writing it, as one of ours."""

import pytest

from gateway.commands.moving.litellm_address import (
    AZURE_VERSION,
    base_of,
    fit_version,
    peer_of,
    placeholder,
    version_of,
)


@pytest.mark.parametrize(
    ("params", "kind", "own"),
    [
        ({"model": "gpt-4o"}, "openai", "gpt-4o"),
        ({"model": "openai/gpt-4o"}, "openai", "gpt-4o"),
        ({"model": "openai/a/b"}, "openai", "a/b"),
        ({"model": "a/b", "custom_llm_provider": "openai"}, "openai", "a/b"),
        ({"model": "groq/a", "custom_llm_provider": "groq"}, "groq", "a"),
        ({"model": "text-completion-openai/davinci"}, "openai", "davinci"),
        ({"model": "bedrock/converse/us.nova"}, "bedrock", "us.nova"),
        ({"model": "bedrock/agent/x"}, "", "agent/x"),
        ({"model": "vertex_ai/gemini-2.5-pro"}, "vertex", "gemini-2.5-pro"),
        ({"model": "vertex_ai/claude-opus-4-5"}, "vertex-anthropic", "claude-opus-4-5"),
        ({"model": "vertex_ai/meta/llama-4"}, "", "meta/llama-4"),
        ({"model": "gemini-2.5-pro"}, "vertex", "gemini-2.5-pro"),
        ({"model": "azure_ai/phi", "api_base": "https://x.services.ai.azure.com"}, "azure", "phi"),
        ({"model": "azure_ai/phi", "api_base": "https://host/v1"}, "openai", "phi"),
        (
            {"model": "azure_ai/claude-x", "api_base": "https://x.services.ai.azure.com/anthropic"},
            *("anthropic", "claude-x"),
        ),
        ({"model": "nobody/knows"}, "", "nobody/knows"),
        ({"model": "x", "custom_llm_provider": "nobody"}, "", "x"),
        ({}, "", ""),
    ],
)
def test_a_model_names_whom_to_ask(params: dict[str, object], kind: str, own: str) -> None:
    peer, found = peer_of(params)
    assert (peer.kind, found) == (kind, own)
    assert bool(peer.advice) is not bool(kind)


@pytest.mark.parametrize(
    ("address", "kind", "base"),
    [
        ("https://host/v1/", "openai", "https://host/v1"),
        ("https://host/v1/chat/completions", "openai", "https://host/v1"),
        ("https://host/v1?hidden=1#x", "openai", "https://host/v1"),
        ("https://x.azure.com/openai/deployments/a?api-version=1", "azure", "https://x.azure.com"),
        ("https://x.services.ai.azure.com", "azure", "https://x.services.ai.azure.com/models"),
        (
            "https://x.services.ai.azure.com/models",
            "azure",
            "https://x.services.ai.azure.com/models",
        ),
        ("http://host:11434/v1", "ollama-native", "http://host:11434"),
        ("https://api.anthropic.com/v1/messages", "anthropic", "https://api.anthropic.com/v1"),
        ("https://api.cohere.ai/v1/chat", "cohere", "https://api.cohere.ai"),
        ("http://host:8080", "huggingface", "http://host:8080/v1"),
        ("https://user:hidden@host", "openai", None),
        ("host", "openai", None),
    ],
)
def test_an_address_is_written_as_its_kind_takes_it(address: str, kind: str, base: str) -> None:
    assert base_of(address, kind) == base


def test_a_version_of_azures_is_said_or_stands_in_the_address() -> None:
    assert version_of({"api_version": "a"}, "https://h?api-version=b") == "a"
    assert version_of({}, "https://h?api-version=b") == "b"
    assert version_of({}, "https://[?api-version=b") is None
    assert version_of({}, None) is None


@pytest.mark.parametrize(
    ("said", "version", "is_as_said"),
    [
        (None, AZURE_VERSION, True),
        ("preview", "preview", True),
        ("2025-01-01-preview", "2025-01-01-preview", True),
        ("2023-05-15", AZURE_VERSION, False),
        ("nonsense", AZURE_VERSION, False),
    ],
)
def test_a_version_that_tells_no_usage_is_replaced_with_a_word(
    said: str | None, version: str, is_as_said: bool
) -> None:
    found, why = fit_version(said)
    assert (found, why is None) == (version, is_as_said)


def test_a_placeholder_is_an_address_that_nobody_has() -> None:
    assert placeholder("AZURE_API_BASE") == "https://set-azure-api-base.invalid"
    assert placeholder("\n") == "https://set-address.invalid"
