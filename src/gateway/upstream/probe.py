"""Asks a server what it has, and whether it is there: by httpx2's client on our own transport."""

import ipaddress

import httpx2
import msgspec
import trio

from gateway.upstream.send import at_the_border, body_within, url_of
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamAuth, UpstreamFailure, UpstreamMalformed
from gateway.words.target import Origin

PROBE_TIMEOUT = 0.3
MAX_LIST_BYTES = 4_194_304
MAX_MODELS = 10_000
MAX_ID_BYTES = 256

_REFUSALS_OF_A_KEY = frozenset({401, 402, 403})
_ASKED_FOR = frozenset({"generateContent", "embedContent"})
_OK = 200
_FAILS = 500

_COLLECTION = "models/"
"""Stands before a name of Google's, and is no part of it."""


class _Model(msgspec.Struct):
    id: str = ""


class _Named(msgspec.Struct, rename="camel"):
    """A model of Cohere's or of Gemini's, which says for what each is; most here are for talk."""

    name: str = ""
    supported_generation_methods: list[str] | None = None

    @property
    def talks(self) -> bool:
        """Say whether it may be asked for what clients ask here."""
        methods = self.supported_generation_methods
        return methods is None or not _ASKED_FOR.isdisjoint(methods)


class _Models(msgspec.Struct):
    """A list in OpenAI's form (`data`), or as Cohere and Gemini give it."""

    data: list[_Model] | None = None
    models: list[_Named] | None = None

    def ids(self) -> list[str] | None:
        """Return the names by which models are asked for; None where there is no list."""
        if self.data is not None:
            return [model.id for model in self.data]
        if self.models is None:
            return None
        return [model.name.removeprefix(_COLLECTION) for model in self.models if model.talks]


_read_models = msgspec.json.Decoder(_Models).decode


def client_on(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    """Return a client for services: no proxies or keys from the environment, no redirects."""
    return httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)


async def probe_one(
    origin: Origin,
    path: str,
    transport: httpx2.AsyncBaseTransport,
    patience: float = PROBE_TIMEOUT,
) -> tuple[str, ...] | None:
    """Return the models of a server on this machine; None if there is none, or it says nothing.

    Never raises, and never leaves loopback: another address is not asked at all.
    """
    if not is_loopback(origin.host):
        return None
    with trio.move_on_after(patience):
        try:
            return await list_models(origin, path, (), client_on(transport))
        except GatewayError:
            return None
    return None


def is_loopback(host: str) -> bool:
    """Say whether a host is an address of this machine; a name is none, whoever it belongs to."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def list_models(
    origin: Origin,
    path: str,
    headers: tuple[Header, ...],
    client: httpx2.AsyncClient,
    lists: str = "/models",
) -> tuple[str, ...]:
    """Return the ids that are listed at `lists`; `headers` hold the credentials.

    Raises `UpstreamFailure` and `Timeout`. The wait as a whole is the caller's to bound.
    """
    name = str(origin)
    try:
        async with client.stream(
            "GET", url_of(origin, path, lists), headers=list(headers)
        ) as response:
            if response.status_code != _OK:
                raise _refusal(response.status_code, name)
            return _ids_in(await _body_of(response, name), name)
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise at_the_border(error, name) from error


async def is_there(
    origin: Origin, path: str, headers: tuple[Header, ...], client: httpx2.AsyncClient
) -> None:
    """Ask a provider something cheap; whatever it answers below 500, it is there.

    Raises `UpstreamFailure` and `Timeout` where it is not. The wait is the caller's to bound.
    """
    name = str(origin)
    try:
        async with client.stream(
            "GET", url_of(origin, "", path), headers=list(headers)
        ) as response:
            if response.status_code >= _FAILS:
                raise UpstreamFailure(f"{name} answered {response.status_code} when probed.")
            await _body_of(response, name)
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise at_the_border(error, name) from error


async def _body_of(response: httpx2.Response, name: str) -> bytes:
    body = await body_within(response, MAX_LIST_BYTES)
    if len(body) > MAX_LIST_BYTES:
        raise UpstreamMalformed(f"The answer of {name} is too long.")
    return body


def _ids_in(body: bytes, name: str) -> tuple[str, ...]:
    """Read the ids; those that could not be asked for are left out (R10)."""
    try:
        listed = _read_models(body).ids()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamMalformed(f"The list of models of {name} cannot be read.") from error
    if listed is None:
        raise UpstreamMalformed(f"The answer of {name} holds no list of models.")
    return tuple(filter(_can_be_asked_for, dict.fromkeys(listed)))[:MAX_MODELS]


def _can_be_asked_for(model: str) -> bool:
    return model.isprintable() and 0 < len(model.encode(errors="replace")) <= MAX_ID_BYTES


def _refusal(status: int, name: str) -> UpstreamFailure:
    if status in _REFUSALS_OF_A_KEY:
        return UpstreamAuth(f"{name} refused the key when asked for its models ({status}).")
    return UpstreamFailure(f"{name} answered {status} when asked for its models.")
