"""The table of public paths: method and path to form and operation, with its limits."""

from dataclasses import dataclass


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
