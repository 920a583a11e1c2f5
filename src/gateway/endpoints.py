"""The table of public paths: method and path to form and operation, with its limits."""

from dataclasses import dataclass

from gateway.words.errors import UnknownPath, WrongMethod


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One public path. `takes_id` marks a path whose rest is an id, slashes and all."""

    method: str
    path: str
    operation: str
    form: str = "chat"
    takes_id: bool = False
    probe: bool = False


ENDPOINTS = (
    Endpoint("POST", "/v1/chat/completions", "chat"),
    Endpoint("GET", "/v1/models", "list_models"),
    Endpoint("GET", "/v1/models/", "show_model", takes_id=True),
    Endpoint("GET", "/healthz", "healthz", probe=True),
    Endpoint("GET", "/readyz", "readyz", probe=True),
)

API_PREFIX = "v1"


def find_plain(method: str, path: str) -> tuple[Endpoint, str] | None:
    """Return the endpoint whose path is asked letter by letter, as nearly always; else None."""
    endpoint = _PLAIN.get((method, path))
    return None if endpoint is None else (endpoint, "")


def find(method: str, segments: tuple[str, ...]) -> tuple[Endpoint, str]:
    """Return the endpoint of a request and the id in its path ("" where it takes none).

    The path may come with or without `/v1`; HEAD is answered where GET is. Raises `UnknownPath`,
    `WrongMethod` with an `allow` header.
    """
    wanted = "GET" if method == "HEAD" else method
    allowed: list[str] = []
    for endpoint in ENDPOINTS:
        found = _match(endpoint, segments)
        if found is None:
            continue
        if endpoint.method == wanted:
            return endpoint, found
        allowed += ["GET", "HEAD"] if endpoint.method == "GET" else [endpoint.method]
    if allowed:
        raise WrongMethod(
            f"This path takes {', '.join(allowed)}, not {method}.",
            headers=((b"allow", ", ".join(allowed).encode()),),
        )
    raise UnknownPath("No such path. This gateway serves " + ", ".join(_PATHS) + ".")


def _match(endpoint: Endpoint, segments: tuple[str, ...]) -> str | None:
    own = _SEGMENTS[endpoint]
    if own[0] == API_PREFIX and segments[0] != API_PREFIX:
        own = own[1:]
    if not endpoint.takes_id:
        return "" if segments == own else None
    if segments[: len(own)] != own:
        return None
    return "/".join(segments[len(own) :]) or None


_SEGMENTS = {endpoint: tuple(endpoint.path.strip("/").split("/")) for endpoint in ENDPOINTS}
_PLAIN = {
    (endpoint.method, endpoint.path): endpoint for endpoint in ENDPOINTS if not endpoint.takes_id
}
_PATHS = tuple(endpoint.path + ("{id}" if endpoint.takes_id else "") for endpoint in ENDPOINTS)
