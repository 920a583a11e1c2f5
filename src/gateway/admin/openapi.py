"""The API's description by OpenAPI 3.1, made of the table of routes: what is there is described.

It names no address: whoever reads it has found it where the API is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.admin.routes import EVERYONE, Route, Visit
from gateway.admin.site import Subject

VERSION: Final = "3.1.1"
REFERENCE: Final = "#/components/schemas/{name}"

JSON: Final = "application/json"

ABOUT: Final = (
    "What the operator's page does, programs can do too. They show the admin's key, the viewer's or"
    " the token of a file as a bearer. A page shows its session's cookie, and with what changes"
    " something the token that stands in it as `x-csrf-token`."
)

TELLS: Final = {
    "400": "The query or the body is wrong, and the message says where.",
    "401": "No credential was shown, or one that opens nothing.",
    "403": "Not for this role, or not for a web page of another site.",
    "404": "There is no such thing.",
    "409": "As things are it cannot be done.",
    "413": "The body is too long.",
    "415": "The body is not declared as JSON.",
    "429": "Too many wrong credentials have come from there.",
    "503": "Workers or database did not answer, or too much is asked at a time.",
}
"""What the API tells in place of an answer."""

OF_ALL: Final = ("401", "403", "429", "503")
OF_A_QUERY: Final = ("400", "404")
OF_A_BODY: Final = ("400", "404", "409", "413", "415")

_PART = re.compile(r"<(\w+)>")


class Wrong(msgspec.Struct, frozen=True):
    """What went wrong; programs go by `code`, people by `message`."""

    message: str
    type: str
    param: str | None
    code: str


class Error(msgspec.Struct, frozen=True):
    """What is told in place of an answer."""

    error: Wrong


class OpenApi:
    """The description, as one more answer of the API."""

    def __init__(self, subjects: Sequence[Subject], version: str, cookie: str) -> None:
        """`subjects` are all of the site, and so will be this one too; `cookie` names sessions."""
        self._subjects = subjects
        self._version = version
        self._cookie = cookie
        self._said: dict[str, Any] = {}

    def routes(self) -> Sequence[Route]:
        said = "This description of the API, by OpenAPI 3.1."
        return (
            Route(*("GET", "/api/openapi.json", self._show, EVERYONE), said, gives=dict[str, Any]),
        )

    async def _show(self, _: Visit) -> dict[str, Any]:
        if not self._said:
            routes = [route for subject in self._subjects for route in subject.routes()]
            self._said = describe(routes, self._version, self._cookie)
        return self._said


def describe(routes: Sequence[Route], version: str, cookie: str) -> dict[str, Any]:
    """Describe what of these routes is the API; `cookie` is the name of a session's."""
    told = sorted((route for route in routes if route.is_api), key=lambda route: route.path)
    schemas = _Schemas(told)
    paths: dict[str, dict[str, Any]] = {}
    for route in told:
        path = _PART.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": VERSION,
        "info": {"title": "nursery-gateway admin", "version": version, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
            },
        },
    }


class _Schemas:
    """The schemas of all types that routes name, each told once."""

    def __init__(self, routes: Sequence[Route]) -> None:
        types = [Error, *(kind for route in routes for kind in _types(route))]
        # Types cannot be looked up: `dict[str, Any]` is as good as another one that says the same.
        found, self.components = msgspec.json.schema_components(types, ref_template=REFERENCE)
        self._known = list(zip(types, found, strict=True))

    def of(self, kind: Any) -> Mapping[str, Any]:
        """Return the schema of a type; of a struct it is a reference."""
        return next(schema for known, schema in self._known if known == kind)

    def fields(self, kind: type[msgspec.Struct]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
        """Yield the fields of a struct: name, schema, whether it must be there."""
        name = str(self.of(kind)["$ref"]).rpartition("/")[2]
        whole = self.components[name]
        for field, schema in whole["properties"].items():
            yield field, schema, field in whole["required"]


def _types(route: Route) -> Iterator[Any]:
    yield from (kind for kind in (route.asks, route.takes, route.gives) if kind is not None)


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    words = [word for word in re.split(r"\W+", route.path.removeprefix("/api/")) if word]
    said: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *words]),
        "summary": route.summary,
        "responses": _responses(route, schemas),
    }
    if route.who is None:
        said["security"] = []
    else:
        said["security"] = [{"bearer": []}, {"session": []}]
        roles = ", ".join(sorted(route.who))
        said["description"] = f"For the roles: {roles}."
    if parameters := list(_parameters(route, schemas)):
        said["parameters"] = parameters
    if route.takes is not None:
        content = {JSON: {"schema": schemas.of(route.takes)}}
        said["requestBody"] = {"required": True, "content": content}
    return said


def _parameters(route: Route, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    for name in _PART.findall(route.path):
        text = {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": text}
    if route.asks is not None:
        for name, schema, required in schemas.fields(route.asks):
            yield {"name": name, "in": "query", "required": required, "schema": schema}


def _responses(route: Route, schemas: _Schemas) -> dict[str, Any]:
    if route.kind:
        content: Mapping[str, Any] = {route.kind: {}}
    else:
        content = {JSON: {"schema": schemas.of(route.gives)}}
    error = {JSON: {"schema": schemas.of(Error)}}
    told = {"200": {"description": "What was asked for.", "content": content}}
    return told | {
        status: {"description": TELLS[status], "content": error} for status in _refusals(route)
    }


def _refusals(route: Route) -> Sequence[str]:
    """Return the statuses by which a route can refuse."""
    named = () if "<" not in route.path else ("404",)
    asked = () if route.asks is None else OF_A_QUERY
    taken = () if route.takes is None else OF_A_BODY
    guarded = () if route.who is None else OF_ALL
    return sorted({*named, *asked, *taken, *guarded})
