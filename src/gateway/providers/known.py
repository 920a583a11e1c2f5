"""Who speaks OpenAI's form, by name: addresses and quirks as data, each from its own documentation.

A further one is a row of `KNOWN` and nothing else.
"""

from dataclasses import dataclass
from typing import Final

from gateway.forms.chat_parts import DIALECT as MISTRALS


@dataclass(frozen=True, slots=True)
class Named:
    """A provider or a server that speaks OpenAI's form and shows its key as OpenAI does.

    `base_url` is empty where every customer has another. `variable` is where its documentation
    keeps a key; without one it wants no key. `lists` says that it lists its models at
    `base_url` + `/models` in OpenAI's form, `running_usage` that it can report usage with every
    event of a stream; `renames` are fields that it knows by other names, `shared_variable` says
    that people set the variable for other ends too, `responses` that it speaks OpenAI's Responses
    as well. `keeps` are fields that it knows in messages and OpenAI does not. `dialect` is the
    manner in which it speaks OpenAI's form, where that is one of its own.
    """

    kind: str
    title: str
    base_url: str = ""
    variable: str = ""
    note: str = ""
    lists: bool = True
    running_usage: bool = False
    renames: tuple[tuple[str, str], ...] = ()
    shared_variable: bool = False
    responses: bool = False
    keeps: tuple[str, ...] = ()
    dialect: str = ""

    @property
    def usage_unasked(self) -> bool:
        """Say whether it reports usage without being asked, and refuses to be."""
        return self.dialect == MISTRALS

    @property
    def takes(self) -> tuple[str, ...]:
        """What it is told in messages beside the fields of OpenAI, in whatever place."""
        return THINKS if self.dialect == MISTRALS else self.keeps

    @property
    def is_told_by_variable(self) -> bool:
        """Say whether the variable alone makes it a provider that can be used."""
        usable = bool(self.base_url and self.variable and self.lists)
        return usable and not self.shared_variable


CODING_PLAN: Final = "Subscribers of its coding plan have another address."
IN_CHINA: Final = "In China it has another address, with keys of its own."
REGIONS: Final = "Its address holds the region and the workspace."
TOKENS: Final = "The token needs the right to call Inference Providers."

THINKS: Final = ("reasoning_content", "reasoning")
"""What those keep who want to see an assistant's thoughts again."""

ALL: Final = (*THINKS, "reasoning_details", "cache_control")
"""What those keep who pass it on to other providers."""

# Their order is that in which discovery finds them, and so that of a name's homes.
KNOWN: Final = (
    Named(
        *("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        responses=True,
        keeps=ALL,
    ),
    Named("groq", "Groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", responses=True),
    Named(
        *("mistral", "Mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        renames=(("max_completion_tokens", "max_tokens"), ("seed", "random_seed")),
        dialect=MISTRALS,
    ),
    Named(
        *("deepseek", "DeepSeek", "https://api.deepseek.com", "DEEPSEEK_API_KEY"),
        keeps=THINKS,
    ),
    Named("xai", "xAI", "https://api.x.ai/v1", "XAI_API_KEY", responses=True),
    Named("together", "Together AI", "https://api.together.ai/v1", "TOGETHER_API_KEY"),
    Named(
        *("fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1"),
        "FIREWORKS_API_KEY",
        responses=True,
    ),
    Named("cerebras", "Cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    Named("nvidia", "NVIDIA NIM", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    Named(
        *("moonshot", "Moonshot AI", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", IN_CHINA),
        keeps=THINKS,
    ),
    Named("minimax", "MiniMax", "https://api.minimax.io/v1", "MINIMAX_API_KEY", IN_CHINA),
    Named(
        *("huggingface", "Hugging Face", "https://router.huggingface.co/v1", "HF_TOKEN", TOKENS),
        shared_variable=True,
        responses=True,
    ),
    Named(
        "perplexity", "Perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", lists=False
    ),
    Named(
        *("zai", "Z.ai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", CODING_PLAN),
        lists=False,
        keeps=THINKS,
    ),
    Named("alibaba", "Alibaba Cloud", "", "DASHSCOPE_API_KEY", REGIONS, lists=False),
    Named("ollama", "Ollama", "http://127.0.0.1:11434/v1", responses=True),
    Named(
        "vllm", "vLLM", "http://127.0.0.1:8000/v1", running_usage=True, responses=True, keeps=THINKS
    ),
    Named("sglang", "SGLang", "http://127.0.0.1:30000/v1", running_usage=True, keeps=THINKS),
    Named("lm-studio", "LM Studio", "http://127.0.0.1:1234/v1", responses=True),
    Named("llama-cpp", "llama.cpp", "http://127.0.0.1:8080/v1", keeps=THINKS),
    Named("tgi", "Text Generation Inference", "http://127.0.0.1:3000/v1", lists=False),
    Named("litellm", "LiteLLM", responses=True, keeps=ALL),
)
