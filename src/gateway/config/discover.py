"""Finds providers without a file: by the usual environment variables, and by who answered nearby.

Pure: the environment and the answers of local servers come in, settings and notes go out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from gateway.config.files import Files
from gateway.config.names import check_name
from gateway.config.secrets import Secrets
from gateway.config.server import is_self
from gateway.downstream.options import ListenOptions
from gateway.providers import Settings, anthropic, cohere, gemini, openai
from gateway.providers.address import parse_base_url
from gateway.providers.known import KNOWN
from gateway.providers.table import TABLE


@dataclass(frozen=True, slots=True)
class Cloud:
    """A provider on the net: the variables that may hold its key, the first that is set counts."""

    name: str
    variables: tuple[str, ...]
    base_url: str
    base_url_variable: str = ""
    kind: str = "openai"


@dataclass(frozen=True, slots=True)
class Local:
    """A server that people run on their own machine, where it listens by default."""

    name: str
    title: str
    base_url: str


# All list their models, where their kind says.
CLOUDS: Final = (
    Cloud("openai", ("OPENAI_API_KEY",), openai.Options().base_url, "OPENAI_BASE_URL"),
    Cloud(
        *("anthropic", ("ANTHROPIC_API_KEY",), anthropic.Options().base_url),
        kind="anthropic",
    ),
    Cloud(
        *("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), gemini.Options().base_url),
        kind="gemini",
    ),
    Cloud(
        *("cohere", ("CO_API_KEY", "COHERE_API_KEY"), cohere.Options().base_url),
        kind="cohere",
    ),
    *(
        Cloud(each.kind, (each.variable,), each.base_url, kind=each.kind)
        for each in KNOWN
        if each.is_told_by_variable
    ),
)

_ASKED: Final = {
    "ollama": "ollama",
    "vllm": "vllm",
    "lm-studio": "lmstudio",
    "llama-cpp": "llamacpp",
}
"""The kinds of servers that are asked, and the names of providers that come of them."""

LOCAL_SERVERS: Final = tuple(
    Local(_ASKED[each.kind], each.title, each.base_url) for each in KNOWN if each.kind in _ASKED
)
"""Whom a prober asks for `/models`, and nobody else: never off loopback."""


class Discovery(NamedTuple):
    """What was found: settings by name, and for people what was found where.

    `listed` holds the models that local servers were seen to list, by provider.
    """

    providers: Mapping[str, Settings]
    notes: Sequence[str]
    origins: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]


class _Found(NamedTuple):
    """A discovery while it is made."""

    providers: dict[str, Settings]
    notes: list[str]
    origins: dict[str, str]
    listed: dict[str, tuple[str, ...]]


def candidates(listen: ListenOptions) -> tuple[Local, ...]:
    """Return the local servers to ask: not one on the port that the gateway will take."""
    return tuple(
        local for local in LOCAL_SERVERS if not is_self(parse_base_url(local.base_url)[0], listen)
    )


def discover(
    environ: Mapping[str, str],
    answered: Mapping[str, Sequence[str] | None],
    listen: ListenOptions,
) -> Discovery:
    """Return the providers that can be used.

    `answered` holds, by name in `LOCAL_SERVERS`, the models that a local server lists; None or
    nothing where nobody answered.
    """
    found = _Found({}, [], {}, {})
    for cloud in CLOUDS:
        _look_for(cloud, environ, listen, found)
    for local in candidates(listen):
        models = answered.get(local.name)
        if models is not None:
            _welcome(local, models, found)
    return Discovery(*found)


def _look_for(
    cloud: Cloud, environ: Mapping[str, str], listen: ListenOptions, found: _Found
) -> None:
    url = environ.get(cloud.base_url_variable, "").strip() or cloud.base_url
    variable = next((name for name in cloud.variables if environ.get(name, "").strip()), None)
    if variable is None:
        if url != cloud.base_url:
            needed = cloud.variables[0]
            found.notes.append(f"{cloud.base_url_variable} is set without {needed}: not used")
        return
    try:
        key = Secrets(environ, Files(Path())).fetch({"env": variable})
    except ValueError as error:
        found.notes.append(f"{cloud.name}: {error}: not used")
        return
    try:
        if is_self(parse_base_url(url)[0], listen):
            # Set for the clients of this gateway, most likely; it must not ask itself.
            found.notes.append(f"{cloud.base_url_variable} is this gateway's own address: not used")
            url = cloud.base_url
    except ValueError as error:
        found.notes.append(f"{cloud.name}: {cloud.base_url_variable} {error}: not used")
        return
    options = TABLE[cloud.kind].Options
    settings = options(kind=cloud.kind, base_url=url, api_key=key, models="*")
    found.providers[cloud.name] = settings
    found.origins[f"providers.{cloud.name}.api_key"] = f"environment variable {variable}"
    if url != cloud.base_url:
        where = f"environment variable {cloud.base_url_variable}"
        found.origins[f"providers.{cloud.name}.base_url"] = where
    found.notes.append(f"{cloud.name}: {variable} is set")


def _welcome(local: Local, models: Sequence[str], found: _Found) -> None:
    found.providers[local.name] = openai.Options(kind="openai", base_url=local.base_url, models="*")
    found.listed[local.name] = tuple(name for name in models if _is_name(name))
    where = f"{local.title} answers at {local.base_url}"
    found.origins[f"providers.{local.name}.base_url"] = where
    count = len(found.listed[local.name])
    found.notes.append(f"{local.name}: {where}, {count} {'model' if count == 1 else 'models'}")


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except ValueError:
        return False
    return True
