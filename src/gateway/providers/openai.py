"""OpenAI, and every server that speaks its form: vLLM, Ollama, llama.cpp, most providers."""

from typing import Annotated

from msgspec import Meta

from gateway.providers import Settings
from gateway.words.client import Header
from gateway.words.secret import Secret

FORM = "chat"


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that speaks OpenAI's form."""

    base_url: Annotated[
        str,
        Meta(
            min_length=1,
            description="Where its API begins: `http://` or `https://`, host, port, path.",
        ),
    ] = "https://api.openai.com/v1"
    running_usage: Annotated[
        bool,
        Meta(
            description="The server is asked to report usage with every event of a stream, as vLLM"
            " and SGLang can, so that a stream which breaks off is counted exactly. Clients see it"
            " there; other servers may refuse the call."
        ),
    ] = False


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return the key as a bearer token; nothing where there is no key, as local servers want it."""
    if key is None:
        return ()
    return ((b"authorization", b"Bearer " + key.reveal().encode()),)
