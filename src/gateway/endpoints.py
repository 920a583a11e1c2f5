"""The table of public paths: method and path to form and operation, with its limits."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.forms.raw_operations import OPERATIONS
from gateway.policy.areas import ALL_METHODS, AREAS, HELD, METHODS, root_of
from gateway.words.call import COUNT_INPUT, COUNT_TOKENS
from gateway.words.errors import UnknownPath, WrongMethod

ID: Final = "{id}"
REST: Final = "{rest}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One public path, with or without its `/v1`.

    In `path`, `{id}` is one segment and `{rest}` all that follow, slashes and all. `form` is what
    its clients speak, errors included. `carried` marks a call that goes to a model's provider; what
    is not, the gateway answers itself. With `uploads` it is asked by a form with files, all others
    in JSON; `names_model` says that the path names the model, whatever the body says. What is a
    `passage` goes to a provider as it is: `Found.ids` are then the segments of its path.
    """

    method: str
    path: str
    operation: str
    form: str = "chat"
    carried: bool = False
    probe: bool = False
    uploads: bool = False
    names_model: bool = False
    passage: bool = False


class Found(NamedTuple):
    """The endpoint of a request, and what its path names, in order."""

    endpoint: Endpoint
    ids: tuple[str, ...] = ()


AZURE: Final = "/openai/deployments/{id}"
"""Where clients of Azure's have the name of a model."""


def _raw(before: str = "/v1", *, names_model: bool = False) -> list[Endpoint]:
    """Return the endpoints of all operations that are passed on as they are."""
    return [
        Endpoint(
            *("POST", before + each.path, operation, "raw"),
            carried=True,
            uploads=each.form,
            names_model=names_model,
        )
        for operation, each in OPERATIONS.items()
    ]


ENDPOINTS: Final = (
    Endpoint("POST", "/v1/chat/completions", "chat", carried=True),
    *_raw(),
    Endpoint("POST", AZURE + "/chat/completions", "chat", carried=True, names_model=True),
    *_raw(AZURE, names_model=True),
    Endpoint("POST", "/v1/responses", "chat", "responses", carried=True),
    Endpoint("POST", "/v1/responses/input_tokens", COUNT_INPUT, "responses", carried=True),
    Endpoint("POST", "/v1/responses/compact", "compact", "responses", carried=True),
    Endpoint("GET", "/v1/responses", "open_socket"),
    Endpoint("POST", "/v1/messages", "chat", "messages", carried=True),
    Endpoint("POST", "/v1/messages/count_tokens", COUNT_TOKENS, "messages", carried=True),
    Endpoint("GET", "/v1/models", "list_models"),
    Endpoint("GET", "/v1/models/{rest}", "show_model"),
    Endpoint("GET", "/", "root", probe=True),
    Endpoint("GET", "/healthz", "healthz", probe=True),
    Endpoint("GET", "/readyz", "readyz", probe=True),
)

API_PREFIX: Final = "v1"
AZURE_PREFIX: Final = ("openai", "v1")


def find_plain(method: str, path: str) -> Found | None:
    """Return the endpoint whose path is asked letter by letter, as nearly always; else None."""
    return _PLAIN.get((method, path))


def find(method: str, segments: tuple[str, ...]) -> Found:
    """Return the endpoint of a request, by its decoded path.

    The path may come with or without `/v1`, or with Azure's `/openai/v1`; HEAD is answered where
    GET is. Raises `UnknownPath`, `WrongMethod` with an `allow` header.
    """
    if segments[:2] == AZURE_PREFIX:
        segments = segments[1:]
    wanted = "GET" if method == "HEAD" else method
    allowed: list[str] = []
    for endpoint in ENDPOINTS:
        ids = _match(endpoint, segments)
        if ids is None:
            continue
        if endpoint.method == wanted:
            return Found(endpoint, ids)
        allowed += ["GET", "HEAD"] if endpoint.method == "GET" else [endpoint.method]
    passage = None if allowed else _passage(method, segments, allowed)
    if passage is not None:
        return passage
    if allowed:
        raise WrongMethod(
            f"This path takes {', '.join(allowed)}, not {method}.",
            headers=((b"allow", ", ".join(allowed).encode()),),
        )
    raise UnknownPath("No such path. This gateway serves " + ", ".join(_PATHS) + ".")


OWN_API: Final = "passthrough"
_PASSAGES: Final = {
    (method, area): Endpoint(method, f"/v1/{area}/{REST}", area, passage=True)
    for area in (*AREAS, *(root.area for root in HELD))
    for method in METHODS
}
_OWN_API: Final = {
    method: Endpoint(method, f"/{OWN_API}/{ID}/{REST}", OWN_API, passage=True)
    for method in ALL_METHODS
}


def _passage(method: str, segments: tuple[str, ...], allowed: list[str]) -> Found | None:
    """Return the endpoint of a path that passes through; note in `allowed` what it takes."""
    if segments[0] == OWN_API and len(segments) > 2:
        allowed += ALL_METHODS
        return Found(_OWN_API[method], segments[1:]) if method in ALL_METHODS else None
    own = segments[1:] if segments[0] == API_PREFIX else segments
    root = root_of(own)
    if root is None:
        return None
    allowed += METHODS
    return Found(_PASSAGES[method, root.area], own) if method in METHODS else None


def _match(endpoint: Endpoint, segments: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return what the path names, if it is the endpoint's; an id is never empty."""
    own = _SEGMENTS[endpoint]
    if own[0] == API_PREFIX and segments[0] != API_PREFIX:
        own = own[1:]
    if own[-1] == REST:
        least = len(own)
        if len(segments) < least:
            return None
        segments = (*segments[: least - 1], "/".join(segments[least - 1 :]))
    if len(segments) != len(own):
        return None
    ids = []
    for wanted, said in zip(own, segments, strict=True):
        if wanted in {ID, REST}:
            if not said:
                return None
            ids.append(said)
        elif wanted != said:
            return None
    return tuple(ids)


_SEGMENTS = {endpoint: tuple(endpoint.path.strip("/").split("/")) for endpoint in ENDPOINTS}
_PLAIN = {
    (endpoint.method, endpoint.path): Found(endpoint)
    for endpoint in ENDPOINTS
    if "{" not in endpoint.path
}
_PATHS = tuple(dict.fromkeys(endpoint.path for endpoint in ENDPOINTS if not endpoint.names_model))
