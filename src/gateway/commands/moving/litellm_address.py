"""Where a deployment of LiteLLM's is asked: its kind of provider, its address, how it is shown."""

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

from gateway.commands.moving.kinds import LITELLM, UNKNOWN, Peer, provider_of_model
from gateway.commands.moving.reading import Table, text
from gateway.providers.address import parse_base_url
from gateway.providers.azure import OLDEST

AZURE_VERSION: Final = "2024-10-21"
"""The first version of Azure's that holds still and tells what a stream has used."""

FOUNDRY: Final = "services.ai.azure.com"
_DEPLOYMENTS: Final = "/openai/deployments"
_WORD: Final = re.compile(r"preview|latest|v1")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-[a-z0-9]+)*")
_BEDROCKS: Final = ("converse/", "invoke/", "converse_like/")
_UNSPOKEN_BEDROCKS: Final = ("agent/", "agentcore/", "async_invoke/")
_CLAUDE: Final = "claude"


def peer_of(params: Table) -> tuple[Peer, str]:
    """Return whom LiteLLM means, and that provider's own name for the model.

    What LiteLLM itself would refuse, because no provider is named, has a peer without a kind.
    """
    model = text(params.get("model")) or ""
    head, slash, rest = model.partition("/")
    named = text(params.get("custom_llm_provider"))
    if named is not None:
        own = rest if slash and head == named else model
        return _special(named, LITELLM.get(named, UNKNOWN), own, params)
    if slash and head in LITELLM:
        return _special(head, LITELLM[head], rest, params)
    known = provider_of_model(model)
    return _special(known, LITELLM.get(known, UNKNOWN), model, params)


def base_of(address: str, kind: str) -> str | None:
    """Return an address as this kind of provider takes it; None where it is none."""
    address = address.split("?", 1)[0].split("#", 1)[0].rstrip("/")
    if kind == "azure" and _DEPLOYMENTS in address:
        address = address.split(_DEPLOYMENTS, 1)[0]
    for tail in ("/chat/completions", "/v1/messages", "/messages"):
        address = address.removesuffix(tail)
    if kind == "ollama-native":
        address = address.removesuffix("/v1").removesuffix("/api")
    if kind == "cohere":
        address = address.removesuffix("/chat").removesuffix("/v1").removesuffix("/v2")
    if kind == "anthropic" and not address.endswith("/v1"):
        address += "/v1"
    if kind == "huggingface" and not address.endswith("/v1"):
        address += "/v1"
    if kind == "azure" and FOUNDRY in address and not address.endswith(("/v1", "/models")):
        address += "/models"
    try:
        parse_base_url(address)
    except ValueError:
        return None
    return address


def version_of(params: Table, address: str | None) -> str | None:
    """Return the version of Azure's API that is said, also in the address itself."""
    said = text(params.get("api_version"))
    if said is not None or not address:
        return said
    try:
        return next(iter(parse_qs(urlsplit(address).query).get("api-version", [])), None)
    except ValueError:
        return None


def fit_version(version: str | None) -> tuple[str, str | None]:
    """Return a version of Azure's API that can be asked here, and why it is not the one said."""
    if version is None:
        return AZURE_VERSION, None
    if _WORD.fullmatch(version) or (_DATE.fullmatch(version) and version >= OLDEST):
        return version, None
    if _DATE.fullmatch(version):
        why = f"streams of it tell no usage, so {AZURE_VERSION} is asked for instead."
        return AZURE_VERSION, why
    return AZURE_VERSION, f"is no version of Azure's; {AZURE_VERSION} is asked for instead."


def placeholder(what: str) -> str:
    """Return an address that nobody has, in place of one that could not be told."""
    label = re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")[:40] or "address"
    return f"https://set-{label}.invalid"


def _special(named: str, peer: Peer, own: str, params: Table) -> tuple[Peer, str]:
    """Tell apart what one name of LiteLLM's stands for."""
    address = text(params.get("api_base")) or ""
    if named.startswith("vertex_ai"):
        return _vertex(peer, own)
    if peer.kind == "bedrock":
        if own.startswith(_UNSPOKEN_BEDROCKS):
            return Peer(advice="agents of Bedrock's are not asked here; its models are."), own
        return peer, next((own.removeprefix(p) for p in _BEDROCKS if own.startswith(p)), own)
    if named == "azure_ai" and _CLAUDE in own.lower() and "/anthropic" in address:
        return Peer("anthropic", "", peer.variable), own
    if named == "azure_ai" and address and "azure.com" not in address:
        return Peer("openai", "", peer.variable), own
    return peer, own


def _vertex(peer: Peer, own: str) -> tuple[Peer, str]:
    bare = own.rpartition("/")[2] if own.startswith(("gemini/", "anthropic/")) else own
    if bare.startswith(_CLAUDE):
        return Peer("vertex-anthropic"), bare
    if bare.startswith(("gemini", "text-embedding", "text-multilingual", "imagen", "*")):
        return peer, bare
    why = "of Vertex AI's models those of Google and of Anthropic are asked here, not these."
    return Peer(advice=why), own
