"""Who is meant by the names that LiteLLM and Portkey have for providers, and how we ask them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Peer:
    """A provider: our kind for it, its address where that is not the kind's own, its variable.

    `variable` is where the other gateway looks for a key that it was not told. Without `kind` we
    cannot ask it: `advice` says what else can be done.
    """

    kind: str = ""
    base_url: str = ""
    variable: str = ""
    advice: str = ""


UNKNOWN: Final = Peer(
    advice="no provider of this name is known here. If it speaks OpenAI's form, write a table"
    ' [providers.NAME] with kind = "openai", its base_url, its api_key and models.'
)
SIGNED_ELSEWHERE: Final = Peer(
    advice="SageMaker's own calls are not spoken here. An endpoint that speaks OpenAI's form can be"
    ' written as kind = "openai" with a base_url.'
)
IMAGES_ONLY: Final = Peer(
    advice="speaks a form of its own that is not spoken here; leave these calls where they are."
)


def _openai(base_url: str, variable: str) -> Peer:
    return Peer("openai", base_url, variable)


def _named(kind: str, variable: str = "") -> Peer:
    return Peer(kind, "", variable)


_OPENAI: Final = _named("openai", "OPENAI_API_KEY")
_BEDROCK: Final = _named("bedrock")
_COHERE: Final = _named("cohere", "COHERE_API_KEY")

LITELLM: Final[Mapping[str, Peer]] = {
    "openai": _OPENAI,
    "text-completion-openai": _OPENAI,
    "custom_openai": _OPENAI,
    "openai_like": _OPENAI,
    "anthropic": _named("anthropic", "ANTHROPIC_API_KEY"),
    "anthropic_text": _named("anthropic", "ANTHROPIC_API_KEY"),
    "azure": _named("azure", "AZURE_API_KEY"),
    "azure_text": _named("azure", "AZURE_API_KEY"),
    "azure_ai": _named("azure", "AZURE_AI_API_KEY"),
    "bedrock": _BEDROCK,
    "bedrock_converse": _BEDROCK,
    "vertex_ai": _named("vertex"),
    "vertex_ai_beta": _named("vertex"),
    "gemini": _named("gemini", "GEMINI_API_KEY"),
    "cohere": _COHERE,
    "cohere_chat": _COHERE,
    "ollama": _named("ollama-native"),
    "ollama_chat": _named("ollama-native"),
    "hosted_vllm": _named("vllm", "HOSTED_VLLM_API_KEY"),
    "vllm": _named("vllm"),
    "lm_studio": _named("lm-studio", "LM_STUDIO_API_KEY"),
    "llamafile": _openai("http://127.0.0.1:8080/v1", ""),
    "xinference": _openai("http://127.0.0.1:9997/v1", ""),
    "litellm_proxy": _named("litellm", "LITELLM_PROXY_API_KEY"),
    "openrouter": _named("openrouter", "OPENROUTER_API_KEY"),
    "groq": _named("groq", "GROQ_API_KEY"),
    "mistral": _named("mistral", "MISTRAL_API_KEY"),
    "deepseek": _named("deepseek", "DEEPSEEK_API_KEY"),
    "xai": _named("xai", "XAI_API_KEY"),
    "together_ai": _named("together", "TOGETHERAI_API_KEY"),
    "fireworks_ai": _named("fireworks", "FIREWORKS_AI_API_KEY"),
    "cerebras": _named("cerebras", "CEREBRAS_API_KEY"),
    "nvidia_nim": _named("nvidia", "NVIDIA_NIM_API_KEY"),
    "moonshot": _named("moonshot", "MOONSHOT_API_KEY"),
    "minimax": _named("minimax", "MINIMAX_API_KEY"),
    "huggingface": _named("huggingface", "HUGGINGFACE_API_KEY"),
    "perplexity": _named("perplexity", "PERPLEXITYAI_API_KEY"),
    "zai": _named("zai", "ZAI_API_KEY"),
    "dashscope": Peer(
        "alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"
    ),
    "deepinfra": _openai("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "codestral": _openai("https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY"),
    "sambanova": _openai("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "hyperbolic": _openai("https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
    "nebius": _openai("https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),
    "novita": _openai("https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    "volcengine": _openai("https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE_API_KEY"),
    "ai21_chat": _openai("https://api.ai21.com/studio/v1", "AI21_API_KEY"),
    "featherless_ai": _openai("https://api.featherless.ai/v1", "FEATHERLESS_AI_API_KEY"),
    "meta_llama": _openai("https://api.llama.com/compat/v1", "LLAMA_API_KEY"),
    "vercel_ai_gateway": _openai("https://ai-gateway.vercel.sh/v1", "VERCEL_AI_GATEWAY_API_KEY"),
    "sagemaker": SIGNED_ELSEWHERE,
    "sagemaker_chat": SIGNED_ELSEWHERE,
    "replicate": IMAGES_ONLY,
    "stability": IMAGES_ONLY,
    "elevenlabs": IMAGES_ONLY,
}
"""By what stands before the first `/` of LiteLLM's `model`, or in `custom_llm_provider`."""

PORTKEY: Final[Mapping[str, Peer]] = {
    "openai": _OPENAI,
    "anthropic": _named("anthropic", "ANTHROPIC_API_KEY"),
    "azure-openai": _named("azure", "AZURE_API_KEY"),
    "azure-ai": _named("azure", "AZURE_AI_API_KEY"),
    "bedrock": _BEDROCK,
    "vertex-ai": _named("vertex"),
    "google": _named("gemini", "GEMINI_API_KEY"),
    "cohere": _COHERE,
    "mistral-ai": _named("mistral", "MISTRAL_API_KEY"),
    "groq": _named("groq", "GROQ_API_KEY"),
    "together-ai": _named("together", "TOGETHER_API_KEY"),
    "fireworks-ai": _named("fireworks", "FIREWORKS_API_KEY"),
    "perplexity-ai": _named("perplexity", "PERPLEXITY_API_KEY"),
    "deepseek": _named("deepseek", "DEEPSEEK_API_KEY"),
    "x-ai": _named("xai", "XAI_API_KEY"),
    "openrouter": _named("openrouter", "OPENROUTER_API_KEY"),
    "cerebras": _named("cerebras", "CEREBRAS_API_KEY"),
    "moonshot": _named("moonshot", "MOONSHOT_API_KEY"),
    "huggingface": _named("huggingface", "HF_TOKEN"),
    "ollama": _named("ollama"),
    "dashscope": LITELLM["dashscope"],
    "deepinfra": LITELLM["deepinfra"],
    "sambanova": LITELLM["sambanova"],
    "hyperbolic": LITELLM["hyperbolic"],
    "nebius": LITELLM["nebius"],
    "novita-ai": LITELLM["novita"],
    "ai21": LITELLM["ai21_chat"],
    "sagemaker": SIGNED_ELSEWHERE,
    "stability-ai": IMAGES_ONLY,
}
"""By what Portkey calls `provider`."""

_BY_MODEL: Final = (
    ("claude-", "anthropic"),
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("text-moderation-", "openai"),
    ("omni-moderation-", "openai"),
    ("dall-e-", "openai"),
    ("whisper-", "openai"),
    ("tts-", "openai"),
    ("ft:gpt-", "openai"),
    ("command-", "cohere"),
    ("rerank-", "cohere"),
    ("embed-", "cohere"),
    ("gemini-", "vertex_ai"),
)


def provider_of_model(model: str) -> str:
    """Say which provider LiteLLM means by a model that names none; empty where it would refuse."""
    return next((name for head, name in _BY_MODEL if model.startswith(head)), "")
