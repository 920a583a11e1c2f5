"""The real providers that can be asked, and by which variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Real:
    """A provider: the variables that it needs, the first of which holds its key if it has one.

    `model` is a cheap one that calls tools; GATEWAY_LIVE_KIND names another. `lines` are keys of
    its table, each with the variable that holds the value.
    """

    kind: str
    model: str
    needs: tuple[str, ...]
    lines: Mapping[str, str] = field(default_factory=dict)
    keyed: bool = True

    @property
    def asked(self) -> str:
        """The model that is asked."""
        return os.environ.get(f"GATEWAY_LIVE_{self.kind.upper().replace('-', '_')}") or self.model

    def missing(self) -> list[str]:
        """Return the variables that are not set."""
        return [name for name in self.needs if not os.environ.get(name)]

    def table(self) -> str:
        """Return the provider's table; one of its names is of no model at all."""
        given = {key: os.environ[name] for key, name in self.lines.items() if name in os.environ}
        lines = [f'{key} = "{value}"' for key, value in given.items()]
        if self.keyed:
            lines.append(f'api_key = {{ env = "{self.needs[0]}" }}')
        names = f'models = {{ m = "{self.asked}", nobody = "no-such-model-of-anybody" }}'
        return "\n".join([f'[providers.real]\nkind = "{self.kind}"', *lines, names]) + "\n"


REAL = (
    Real("openai", "gpt-4.1-nano", ("OPENAI_API_KEY",), {"base_url": "OPENAI_BASE_URL"}),
    Real("anthropic", "claude-haiku-4-5", ("ANTHROPIC_API_KEY",)),
    Real("gemini", "gemini-2.5-flash-lite", ("GEMINI_API_KEY",)),
    Real("cohere", "command-r7b-12-2024", ("CO_API_KEY",)),
    Real("mistral", "mistral-small-latest", ("MISTRAL_API_KEY",)),
    Real("groq", "llama-3.1-8b-instant", ("GROQ_API_KEY",)),
    Real("deepseek", "deepseek-chat", ("DEEPSEEK_API_KEY",)),
    Real("xai", "grok-4-fast-non-reasoning", ("XAI_API_KEY",)),
    Real("openrouter", "openai/gpt-4.1-nano", ("OPENROUTER_API_KEY",)),
    Real(
        *("azure", "gpt-4.1-nano", ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT")),
        {"base_url": "AZURE_OPENAI_ENDPOINT", "api_version": "AZURE_OPENAI_API_VERSION"},
    ),
    Real(
        *("bedrock", "amazon.nova-micro-v1:0", ("AWS_ACCESS_KEY_ID", "AWS_REGION")),
        {"region": "AWS_REGION"},
        keyed=False,
    ),
    Real(
        *("ollama-native", "qwen3:1.7b", ("OLLAMA_BASE_URL",), {"base_url": "OLLAMA_BASE_URL"}),
        keyed=False,
    ),
)
