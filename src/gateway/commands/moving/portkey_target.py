"""One target of a Portkey config: who is asked, for which model, with which key and patience."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.commands.moving.homes import EVERYTHING
from gateway.commands.moving.kinds import PORTKEY, UNKNOWN, Peer
from gateway.commands.moving.litellm_address import base_of, fit_version, placeholder
from gateway.commands.moving.litellm_params import NO_ADDRESS, Book
from gateway.commands.moving.portkey_fields import Fields
from gateway.commands.moving.reading import (
    LEAST_TOTAL,
    MOST_RETRIES,
    SILENCE,
    clocks,
    name,
    seconds,
    whole,
)
from gateway.commands.moving.saying import is_like_a_key
from gateway.commands.moving.sheet import PROVIDERS
from gateway.config.lines import Key
from gateway.config.mistakes import quoted

MILLISECONDS: Final = 1000.0
KEPT: Final = 604_800.0
"""Seconds that an answer is kept where Portkey was not told: a week."""

GUESSED: Final = (
    "what is behind this name is known to Portkey alone. It is taken for {kind}, by its name: see"
    " that kind, base_url and models are right."
)
UNGUESSED: Final = (
    "what is behind this name is known to Portkey alone, and the name does not tell. It is taken"
    " for OpenAI: write the kind that it is."
)
NO_REGION: Final = "no aws_region is said; write yours in place of us-east-1."
NO_PROJECT: Final = "no project is said; write the project's id in place of this one."
CHAIN: Final = (
    "the keys behind this name are not here: AWS's usual chain finds them, or write api_key, the"
    " key of Bedrock's own API."
)
NO_KEY: Final = (
    "no api_key is said, so none is sent to this address; if it wants one, write api_key."
)
SEMANTIC: Final = "answers to like questions are not kept, only those to equal ones."
_ALSO: Final = (("azure", "azure-openai"), ("gemini", "google"), ("claude", "anthropic"),
                ("vertex", "vertex-ai"), ("mistral", "mistral-ai"), ("gpt", "openai"))  # fmt: skip


@dataclass(slots=True)
class Leaf:
    """A target that asks a provider itself; `model` is None where the client says which."""

    fields: Fields
    kind: str
    model: str | None
    settings: dict[str, object] = field(default_factory=dict)
    sources: dict[Key, str] = field(default_factory=dict)

    def take(self, word: str, setting: str, value: object, fields: Fields | None = None) -> None:
        """Note a setting that comes of a word."""
        self.settings[setting] = value
        self.sources[(fields or self.fields).source(word)] = setting


def leaf_of(fields: Fields, conduct: Mapping[str, tuple[object, Key]], book: Book) -> Leaf | None:
    """Read a target; None where nobody here could be asked. `conduct` is what stands above it."""
    book.sheet.belongs(fields.path, PROVIDERS)
    override = fields.below("override_params")
    model = name(override.get("model"))
    slug, provider = _slugs(fields, model)
    if model is not None and model.startswith("@"):
        model = name(model.partition("/")[2])
    if model == EVERYTHING:
        model = None
    peer, remark = _peer(slug, provider)
    if not peer.kind:
        book.sheet.remark(PROVIDERS, fields.path, f"{quoted(provider)}: {peer.advice}", fields.said)
        return None
    leaf = Leaf(fields, peer.kind, model)
    if remark:
        book.sheet.add(PROVIDERS, remark, fields.path)
    if model is not None:
        leaf.sources[override.source("model")] = "models"
    if fields.get("provider") is not None:
        leaf.sources[fields.source("provider")] = "kind"
    _address(leaf, peer, book)
    _cloud(leaf, book)
    _headers(leaf)
    if peer.kind != "vertex" and "client_secret" not in leaf.settings:
        _key(leaf, peer, slug, book)
    for setting, (value, source) in {**conduct, **conduct_of(fields, book)}.items():
        leaf.settings[setting] = value
        leaf.sources[source] = setting
    return leaf


def conduct_of(fields: Fields, book: Book) -> dict[str, tuple[object, Key]]:
    """Return what is said of retries, the clock and kept answers, each with its place."""
    found: dict[str, tuple[object, Key]] = {}
    retry = fields.below("retry")
    if (attempts := whole(retry.get("attempts"), 1000)) is not None:
        found["retries"] = min(attempts, MOST_RETRIES), retry.source("attempts")
    waited = seconds(fields.get("request_timeout"))
    if waited is not None:
        source = fields.source("request_timeout")
        found["timeouts"] = dict(clocks(waited / MILLISECONDS, None)), source
        if waited / MILLISECONDS < LEAST_TOTAL:
            book.sheet.add(book.sheet.place_of(source, PROVIDERS), SILENCE, source)
    cache = fields.below("cache")
    mode = cache.text("mode") or fields.text("cache")
    if mode == "simple":
        source = cache.source("mode") if cache.said else fields.source("cache")
        age = seconds(cache.get("max_age"))
        found["cache"] = {"ttl": age or KEPT}, source
        if age is not None:
            book.sheet.trail[cache.source("max_age")] = ("defaults", "cache")
    elif mode is not None:
        source = cache.source("mode") if cache.said else fields.source("cache")
        book.sheet.remark(book.sheet.place_of(source, PROVIDERS), source, SEMANTIC, mode)
    return found


def _slugs(fields: Fields, model: str | None) -> tuple[str, str]:
    """Return the name by which Portkey keeps a key, and the provider's; each if it is said."""
    if model is not None and model.startswith("@"):
        return model[1:].partition("/")[0], ""
    provider = fields.text("provider") or ""
    if provider.startswith("@"):
        return provider[1:], ""
    return fields.text("virtual_key") or "", provider


def _peer(slug: str, provider: str) -> tuple[Peer, str]:
    if provider:
        return PORTKEY.get(provider, UNKNOWN), ""
    if not slug:
        return UNKNOWN, ""
    known = sorted(PORTKEY, key=len, reverse=True)
    found = next((each for each in known if each in slug.lower()), None)
    found = found or next((each for part, each in _ALSO if part in slug.lower()), None)
    if found is None:
        return PORTKEY["openai"], UNGUESSED
    return PORTKEY[found], GUESSED.format(kind=PORTKEY[found].kind or found)


def _address(leaf: Leaf, peer: Peer, book: Book) -> None:
    fields, said = leaf.fields, leaf.fields.text("custom_host")
    resource = fields.text("resource_name")
    if said is not None:
        address = base_of(said, peer.kind)
        if address is None:
            book.sheet.remark(PROVIDERS, fields.source("custom_host"), NO_ADDRESS)
        leaf.take("custom_host", "base_url", address or placeholder(f"{peer.kind} base url"))
    elif peer.kind == "azure":
        address = base_of(f"https://{resource}.openai.azure.com", "azure") if resource else None
        foundry = base_of(fields.text("azure_foundry_url") or "", "azure")
        if address is not None:
            leaf.take("resource_name", "base_url", address)
        elif foundry is not None:
            leaf.take("azure_foundry_url", "base_url", foundry)
        else:
            book.sheet.add(PROVIDERS, NO_ADDRESS, fields.path)
            leaf.settings["base_url"] = placeholder("azure base url")
    elif peer.base_url:
        leaf.settings["base_url"] = peer.base_url
    if peer.kind == "azure":
        version, why = fit_version(fields.text("api_version"))
        leaf.settings["api_version"] = version
        if fields.get("api_version") is not None:
            leaf.take("api_version", "api_version", version)
            if why is not None:
                source = fields.source("api_version")
                book.sheet.add(PROVIDERS, why, source)


def _cloud(leaf: Leaf, book: Book) -> None:
    """Read what Azure, AWS and Google want besides a key."""
    fields, secrets = leaf.fields, book.secrets
    if leaf.kind == "azure" and fields.text("azure_entra_client_secret"):
        for word, setting in (
            ("azure_entra_tenant_id", "tenant"),
            ("azure_entra_client_id", "client_id"),
        ):
            leaf.take(word, setting, fields.text(word) or setting)
        word = "azure_entra_client_secret"
        secret = secrets.of(fields.get(word), "the client secret at Azure", "AZURE_CLIENT_SECRET")
        leaf.take(word, "client_secret", secret)
        if (scope := fields.text("azure_entra_scope")) is not None:
            leaf.take("azure_entra_scope", "scope", scope)
    if leaf.kind == "bedrock":
        _aws(leaf, book)
    if leaf.kind == "vertex":
        if "claude" in (leaf.model or ""):
            leaf.kind = "vertex-anthropic"
        leaf.model = leaf.model and leaf.model.rpartition("/")[2].removeprefix("anthropic.")
        project = fields.text("vertex_project_id")
        if project is None:
            book.sheet.add(PROVIDERS, NO_PROJECT, fields.path)
        leaf.take("vertex_project_id", "project", project or "set-vertex-project")
        leaf.take("vertex_region", "location", fields.text("vertex_region") or "us-central1")
        book.sheet.extras["oidc"] = "tokens of Google's are fetched"


def _aws(leaf: Leaf, book: Book) -> None:
    fields = leaf.fields
    region = fields.text("aws_region")
    if region is None:
        book.sheet.add(PROVIDERS, NO_REGION, fields.path)
    leaf.take("aws_region", "region", region or "us-east-1")
    book.sheet.extras["aws"] = "requests to Bedrock are signed"
    id_, secret = fields.text("aws_access_key_id"), fields.get("aws_secret_access_key")
    if id_ is None or secret is None:
        return
    leaf.take("aws_access_key_id", "access_key_id", id_)
    for word, setting, variable in (
        ("aws_secret_access_key", "secret_access_key", "BEDROCK_SECRET_ACCESS_KEY"),
        ("aws_session_token", "session_token", "BEDROCK_SESSION_TOKEN"),
    ):
        reference = book.secrets.of(fields.get(word), "AWS's secret", variable)
        if reference is not None:
            leaf.take(word, setting, reference)


def _headers(leaf: Leaf) -> None:
    """Have OpenAI told whose account it is."""
    found = {}
    for word, header in (
        ("openai_organization", "OpenAI-Organization"),
        ("openai_project", "OpenAI-Project"),
        ("openai_beta", "OpenAI-Beta"),
    ):
        said = leaf.fields.text(word)
        if said is not None and leaf.kind == "openai" and said.isascii():
            found[header] = said
            leaf.sources[leaf.fields.source(word)] = "headers"
    if found:
        leaf.settings["headers"] = found


def _key(leaf: Leaf, peer: Peer, slug: str, book: Book) -> None:
    said = leaf.fields.get("api_key")
    if said is not None:
        what = f"the key of {peer.kind}"
        reference = book.secrets.of(said, what, peer.variable or f"{_upper(peer.kind)}_API_KEY")
        if reference is not None:
            leaf.take("api_key", "api_key", reference)
    elif slug and peer.kind == "bedrock":
        word = "virtual_key" if leaf.fields.get("virtual_key") is not None else "provider"
        book.sheet.remark(PROVIDERS, leaf.fields.source(word), CHAIN)
    elif slug:
        reference = _of_slug(slug, peer, book)
        leaf.settings["api_key"] = reference
        if leaf.fields.get("virtual_key") is not None:
            leaf.take("virtual_key", "api_key", reference)
    elif peer.variable and leaf.settings.get("base_url") in {None, peer.base_url}:
        leaf.settings["api_key"] = book.secrets.variable(peer.variable, f"the key of {peer.kind}")
    elif peer.variable and peer.kind != "azure":
        book.sheet.add(PROVIDERS, NO_KEY, leaf.fields.path)
    elif peer.variable:
        leaf.settings["api_key"] = book.secrets.variable(peer.variable, f"the key of {peer.kind}")


def _of_slug(slug: str, peer: Peer, book: Book) -> dict[str, str] | None:
    """Return a reference to the key that Portkey keeps by a name."""
    if is_like_a_key(slug):  # It may be the secret itself, in the wrong place (R24).
        return book.secrets.of(slug, f"the key of {peer.kind}", peer.variable or "PROVIDER_KEY")
    what = f"the provider's own key, which Portkey keeps as {slug}"
    return book.secrets.variable(_upper(slug), what)


def _upper(text: str) -> str:
    made = re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")[:80] or "PROVIDER_KEY"
    return made if made[0].isalpha() else f"KEY_{made}"
