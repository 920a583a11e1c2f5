"""The settings of one deployment of LiteLLM's, by its kind, as tables of providers have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.commands.moving.kinds import Peer
from gateway.commands.moving.litellm_address import (
    base_of,
    fit_version,
    placeholder,
    version_of,
)
from gateway.commands.moving.reading import (
    LEAST_TOTAL,
    MOST_RETRIES,
    SILENCE,
    Open,
    Secrets,
    Table,
    clocks,
    flag,
    seconds,
    table,
    text,
    whole,
)
from gateway.commands.moving.saying import REFERENCE, is_like_a_key
from gateway.commands.moving.sheet import Sheet
from gateway.config.lines import Key
from gateway.config.mistakes import quoted
from gateway.config.providers import is_telling
from gateway.forms.http import check_header

FAKES: Final = frozenset(
    {"none", "null", "empty", "dummy", "fake", "fake-key", "my-fake-key", "no-key", "not-needed"}
    | {"sk-no-key-required", "anything", "n/a", "na", "xxx", "any"}
)
"""What people write where a server wants no key."""

NO_ADDRESS: Final = "is not to be had here, so a placeholder stands in base_url: write the address."
FAKE: Final = "is no key that anybody checks, so none is sent."
NO_KEY: Final = (
    "no api_key is said. LiteLLM would show this address the key of {variable}; here no key is"
    " sent to an address that is not the provider's own, unless api_key says so."
)
UNSENT: Final = (
    "a header that may carry a secret is not written out, nor one that the gateway writes itself;"
    " a provider's key belongs in its api_key."
)
OLD_REGION: Final = (
    "no aws_region_name is said, so it is us-west-2, as LiteLLM takes it; write yours."
)
USUAL_CHAIN: Final = (
    "keys of AWS's that stand in variables are found by AWS's usual chain: set AWS_ACCESS_KEY_ID"
    " and AWS_SECRET_ACCESS_KEY, or name a `profile`."
)
NO_PROJECT: Final = "no vertex_project is said; write the project's id in place of this one."

OURS: Final = frozenset(
    {"host", "connection", "content-type", "content-length", "accept-encoding", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "expect", "keep-alive", "anthropic-version"}
)

_KEYLESS: Final = frozenset({"vllm", "lm-studio", "litellm", "ollama-native", "ollama"})
_VARIABLES: Final[Mapping[str, str]] = {
    "azure": "AZURE_API_BASE",
    "litellm": "LITELLM_PROXY_API_BASE",
    "ollama-native": "OLLAMA_API_BASE",
    "vllm": "HOSTED_VLLM_API_BASE",
}
"""Where LiteLLM looks for an address that it was not told."""

_ADDRESS_NEEDED: Final = frozenset({"azure", "litellm"})


@dataclass(frozen=True, slots=True)
class Book:
    """What is at hand while a source is read."""

    sheet: Sheet
    secrets: Secrets
    open: Open


@dataclass(slots=True)
class Params:
    """The `litellm_params` of one deployment, over those of a named credential.

    It collects settings, and of which words they come.
    """

    own: Table
    path: Key
    credential: Table
    credential_path: Key
    settings: dict[str, object] = field(default_factory=dict)
    conduct: dict[str, object] = field(default_factory=dict)
    sources: dict[Key, str] = field(default_factory=dict)

    def get(self, name: str) -> object:
        """Return what is said, here or by the credential."""
        return self.own[name] if name in self.own else self.credential.get(name)

    def first(self, *names: str) -> str:
        """Return the first of these names of which something is said; else the first."""
        return next((name for name in names if self.get(name) is not None), names[0])

    def source(self, name: str) -> Key:
        """Say where that stands."""
        return (*(self.path if name in self.own else self.credential_path), name)

    def take(self, name: str, setting: str, value: object) -> None:
        """Note a setting that comes of a word."""
        self.settings[setting] = value
        self.sources[self.source(name)] = setting


def fill(params: Params, peer: Peer, public: str, book: Book) -> None:
    """Collect all settings of a deployment; what cannot be one is told in the sheet."""
    _address(params, peer, book)
    match peer.kind:
        case "azure":
            _azure(params, peer, public, book)
        case "bedrock":
            _bedrock(params, public, book)
        case "vertex" | "vertex-anthropic":
            _vertex(params, book)
        case _:
            _key(params, peer, public, book)
    _headers(params, book)
    if (most := whole(params.get("max_parallel_requests"), 1_000_000, 1)) is not None:
        params.take("max_parallel_requests", "max_connections", most)
    if peer.kind in {"anthropic", "vertex-anthropic"}:
        for name in ("max_tokens", "max_completion_tokens"):
            if (most := whole(params.get(name), 10_000_000, 1)) is not None:
                params.take(name, "max_tokens", most)
    _conduct(params, book)


def _conduct(params: Params, book: Book) -> None:
    timeout, of_streams = (seconds(params.get(name)) for name in ("timeout", "stream_timeout"))
    if found := clocks(timeout, of_streams):
        params.conduct["timeouts"] = found
    if timeout is not None and timeout < LEAST_TOTAL:
        book.sheet.add(book.sheet.place_of(params.path), SILENCE, params.source("timeout"))
    retries = params.first("num_retries", "max_retries")
    if (number := whole(params.get(retries), 1000)) is not None:
        params.conduct["retries"] = min(number, MOST_RETRIES)
        params.sources[params.source(retries)] = "retries"
    for name, value in (("timeout", timeout), ("stream_timeout", of_streams)):
        if value is not None:
            params.sources[params.source(name)] = "timeouts"
    if "drop_params" in params.own:
        params.conduct["on_unsupported"] = "drop" if flag(params.get("drop_params")) else "refuse"
        params.sources[params.source("drop_params")] = "on_unsupported"


def _address(params: Params, peer: Peer, book: Book) -> None:
    name = params.first("api_base", "base_url", "aws_bedrock_runtime_endpoint")
    said = text(params.get(name))
    if said is None:
        variable = _VARIABLES.get(peer.kind, "")
        found = book.open.variable(variable) or peer.base_url
        address = base_of(found, peer.kind) if found else None
        if address is None and peer.kind in _ADDRESS_NEEDED:
            book.sheet.add(book.sheet.place_of(params.path), NO_ADDRESS, params.path)
            address = placeholder(variable)
        if address is not None:
            params.settings["base_url"] = address
        return
    told = book.open.of(said)
    address = base_of(told, peer.kind) if told else None
    source = params.source(name)
    if address is None:
        match = REFERENCE.fullmatch(said)
        address = placeholder(match["name"] if match else f"{peer.kind} base url")
        book.sheet.remark(book.sheet.place_of(source), source, NO_ADDRESS, said)
    params.take(name, "base_url", address)


def _key(params: Params, peer: Peer, public: str, book: Book) -> None:
    said = text(params.get("api_key"))
    place = book.sheet.place_of(params.path)
    if said is not None and said.lower() in FAKES:
        book.sheet.remark(place, params.source("api_key"), FAKE)
    elif said is not None:
        what = f"the key of {peer.kind} for {public}"
        secret = book.secrets.of(said, what, peer.variable or _variable(peer.kind))
        params.take("api_key", "api_key", secret)
    elif peer.variable and peer.kind not in _KEYLESS:
        own = params.settings.get("base_url") in {None, peer.base_url} or peer.kind == "azure"
        if own:
            what = f"the key of {peer.kind}"
            params.settings["api_key"] = book.secrets.variable(peer.variable, what)
        else:
            book.sheet.add(place, NO_KEY.format(variable=peer.variable), params.path)


def _azure(params: Params, peer: Peer, public: str, book: Book) -> None:
    address = book.open.of(params.get(params.first("api_base", "base_url")))
    said = book.open.of(version_of({**params.credential, **params.own}, address))
    base = str(params.settings["base_url"])
    if not base.endswith(("/v1", "/models")) or said is not None:
        version, why = fit_version(said)
        params.settings["api_version"] = version
        if params.get("api_version") is not None:
            source = params.source("api_version")
            params.sources[source] = "api_version"
            if why is not None:
                place = book.sheet.place_of(source)
                book.sheet.remark(place, source, f"{quoted(said or '')}: {why}")
    tenant, client = params.get("tenant_id"), params.get("client_id")
    secret = params.get("client_secret")
    if text(params.get("api_key")) is None and tenant and client and secret:
        params.take("tenant_id", "tenant", book.open.of(tenant) or "tenant")
        params.take("client_id", "client_id", book.open.of(client) or "client")
        found = book.secrets.of(secret, f"the client secret for {public}", "AZURE_CLIENT_SECRET")
        params.take("client_secret", "client_secret", found)
        if (scope := book.open.of(params.get("azure_scope"))) is not None:
            params.take("azure_scope", "scope", scope)
    else:
        _key(params, peer, public, book)


def _bedrock(params: Params, public: str, book: Book) -> None:
    region = book.open.of(params.get("aws_region_name"))
    if region is not None:
        params.take("aws_region_name", "region", region)
    else:
        region = book.open.variable("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
        params.settings["region"] = region or "us-west-2"
        if region is None:
            book.sheet.add(book.sheet.place_of(params.path), OLD_REGION, params.path)
    if params.get("api_key") is not None:
        _key(params, Peer("bedrock", "", "AWS_BEARER_TOKEN_BEDROCK"), public, book)
        return
    book.sheet.extras["aws"] = "requests to Bedrock are signed"
    if (profile := book.open.of(params.get("aws_profile_name"))) is not None:
        params.take("aws_profile_name", "profile", profile)
    said, secret = (text(params.get(f"aws_{n}")) for n in ("access_key_id", "secret_access_key"))
    if said is None or secret is None:
        return
    if REFERENCE.fullmatch(said):
        for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
            if params.get(name) is not None:
                source, value = params.source(name), params.get(name)
                book.sheet.remark(book.sheet.place_of(source), source, USUAL_CHAIN, value)
        return
    params.take("aws_access_key_id", "access_key_id", said)
    what = f"AWS's secret for {public}"
    found = book.secrets.of(secret, what, "BEDROCK_SECRET_ACCESS_KEY")
    params.take("aws_secret_access_key", "secret_access_key", found)
    token = book.secrets.of(params.get("aws_session_token"), what, "BEDROCK_SESSION_TOKEN")
    if token is not None:
        params.take("aws_session_token", "session_token", token)


def _vertex(params: Params, book: Book) -> None:
    project = book.open.of(params.get("vertex_project"))
    project = project or book.open.variable("VERTEXAI_PROJECT", "DEFAULT_VERTEXAI_PROJECT")
    if project is None:
        book.sheet.add(book.sheet.place_of(params.path), NO_PROJECT, params.path)
        project = "set-vertex-project"
    params.settings["project"] = project
    location = book.open.of(params.get("vertex_location"))
    location = location or book.open.variable("VERTEXAI_LOCATION", "DEFAULT_VERTEXAI_LOCATION")
    params.settings["location"] = location or "us-central1"
    for name, setting in (("vertex_project", "project"), ("vertex_location", "location")):
        if params.get(name) is not None:
            params.sources[params.source(name)] = setting
    book.sheet.extras["oidc"] = "tokens of Google's are fetched"
    file = book.open.of(params.get("vertex_credentials"))
    if file is not None and not file.lstrip().startswith("{"):
        params.take("vertex_credentials", "credentials_file", file)


def _headers(params: Params, book: Book) -> None:
    found: dict[str, str] = {}
    sources: list[Key] = []
    organization = book.open.of(params.get("organization"))
    if organization is not None:
        found["OpenAI-Organization"] = organization
        sources.append(params.source("organization"))
    for where in ("extra_headers", "headers"):
        for name, value in table(params.get(where)).items():
            source = (*params.source(where), name)
            said = book.open.of(value)
            if said is None or not _may_stand(name, said):
                book.sheet.remark(book.sheet.place_of(source), source, UNSENT, value)
            else:
                found[name] = said
                sources.append(source)
    if found:
        params.settings["headers"] = found
        params.sources.update(dict.fromkeys(sources, "headers"))


def _may_stand(name: str, value: str) -> bool:
    if name.lower() in OURS or is_telling(name, value) or REFERENCE.fullmatch(value):
        return False
    if is_like_a_key(value) and not name.lower().startswith("openai-"):
        return False
    try:
        check_header(name.lower().encode(), value.encode())
    except ValueError:
        return False
    return True


def _variable(kind: str) -> str:
    return f"{kind.upper().replace('-', '_')}_API_KEY"
