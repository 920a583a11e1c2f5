"""Azure: OpenAI's models as Microsoft serves them, by deployments or by the newer API of Foundry.

    api_version is empty     {base_url}/openai/v1/chat/completions, the model in the body
    api_version is a date    {base_url}/openai/deployments/{model}/chat/completions?api-version=…

A version that is a word, as `preview`, is one of the newer API. A `base_url` that ends with `/v1`
or `/models` already leads to an API that reads the model in the body, and is taken as it is.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Final

from msgspec import Meta

from gateway.providers import Settings
from gateway.words.client import Header
from gateway.words.grants import EntraGrant, Grant
from gateway.words.secret import Secret
from gateway.words.target import Target

FORM = "chat"
OLDEST: Final = "2024-09-01"
"""Before that a stream reports no usage, and refuses to be asked for it."""

_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-[a-z0-9]+)*|preview|latest|v1")
_DATED: Final = "2"
"""How versions begin that are dates: deployments have them, the newer API has words."""

_V1: Final = "/v1"
_WHOLE: Final = (_V1, "/models")
_BY_MODEL: Final = "/deployments/"
_TENANT: Final = re.compile(r"[A-Za-z0-9.-]{1,255}")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_AN_ADDRESS: Final = re.compile(
    rf"https://{_LABEL}(?:\.{_LABEL}){{0,9}}/?|http://127\.0\.0\.1:(?P<port>[0-9]{{1,5}})"
)
MOST_PORTS: Final = 65_535


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Azure OpenAI, or a resource of Azure AI Foundry."""

    base_url: Annotated[
        str,
        Meta(
            min_length=1,
            description="The resource's address, such as `https://NAME.openai.azure.com`. The rest"
            " of the path comes of `api_version`; one that ends with `/v1` or `/models` is taken as"
            " it is.",
        ),
    ]
    api_version: Annotated[
        str,
        Meta(
            description="Asks by deployments, in this version of the API, such as `2024-10-21`;"
            " empty, or `preview`, is the newer API, `/openai/v1`. Either way the names on the"
            " right of `models` are those of deployments."
        ),
    ] = ""
    responses: Annotated[
        bool | None,
        Meta(
            description="Whether calls in OpenAI's Responses form pass to it as they are, else they"
            " are told as chat completions. Unsaid, they do where its path ends with `/v1`; by"
            " deployments they never do."
        ),
    ] = None
    tenant: Annotated[
        str,
        Meta(
            description="The directory (Entra) in which the gateway is an application; then there"
            " is no `api_key`."
        ),
    ] = ""
    client_id: Annotated[str, Meta(description="The application's id in that directory.")] = ""
    client_secret: Annotated[
        Secret | None, Meta(description="The secret that the application shows there.")
    ] = None
    authority: Annotated[
        str, Meta(description="The directory's address; clouds of governments have another.")
    ] = "https://login.microsoftonline.com"
    scope: Annotated[
        str, Meta(min_length=1, description="What the directory's token is to be good for.")
    ] = "https://cognitiveservices.azure.com/.default"

    def fitted(self, target: Target) -> Target:
        """Return a target with the path that leads to its API, which has more than chat."""
        path, by_model = target.path, ""
        query = f"?api-version={self.api_version}" if self.api_version else ""
        if not path.endswith(_WHOLE):
            path = path.removesuffix("/openai") + "/openai"
            dated = self.api_version[:1] == _DATED
            path, by_model = (path, _BY_MODEL) if dated else (path + _V1, "")
        # By deployments its paths name the model; that of a response names none.
        speaks = path.endswith(_V1) if self.responses is None else self.responses
        also = (*target.also, "raw", *(("responses",) if speaks and not by_model else ()))
        return replace(target, path=path, query=query, by_model=by_model, also=also)

    def grant(self) -> Grant | None:
        """Return what the directory is asked with, where no key is shown."""
        if self.client_secret is None:
            return None
        return EntraGrant(
            self.tenant, self.client_id, self.client_secret, self.authority, self.scope
        )

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Yield what cannot be."""
        if self.models == "*":
            yield "models", "Azure lists models, not deployments: name those"
        version = self.api_version
        if version and _VERSION.fullmatch(version) is None:
            yield "api_version", "is no version, such as 2024-10-21"
        elif version[:1] == _DATED and version < OLDEST:
            yield "api_version", f"is older than {OLDEST}: its streams report no usage"
        yield from self._mistakes_of_entra()

    def _mistakes_of_entra(self) -> Iterator[tuple[str, str]]:
        said = {
            "tenant": self.tenant,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        if not any(said.values()):
            return
        for name, value in said.items():
            if not value:
                yield name, "is missing: tenant, client_id and client_secret belong together"
        if self.api_key or self.api_keys:
            yield "client_secret", "stands beside a key: one of the two is enough"
        if self.tenant and _TENANT.fullmatch(self.tenant) is None:
            yield "tenant", "is neither an id nor a domain"
        if not _is_an_address(self.authority):
            yield "authority", "is not the address of a directory, such as https://host"


def _is_an_address(authority: str) -> bool:
    match = _AN_ADDRESS.fullmatch(authority)
    return match is not None and 0 < int(match["port"] or 1) <= MOST_PORTS


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return the key in the provider's own header; nothing where a token is shown instead."""
    return () if key is None else ((b"api-key", key.reveal().encode()),)
