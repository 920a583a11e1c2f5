"""What the pages are made of: templates, their filters, and the files that browsers fetch."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from quart import Response, abort, request

from gateway.admin.routes import OPEN, Role, Route, Visit
from gateway.telemetry.amounts import NANOS
from gateway.telemetry.lines import printable

FOLDER: Final = Path(__file__).parent
TEMPLATES: Final = FOLDER / "templates"
STATIC: Final = FOLDER / "static"

KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
"""What a browser keeps, and asks each time whether it still holds."""

NOT_MODIFIED: Final = 304
VERSION_DIGITS: Final = 12

NAVIGATION: Final = (
    ("/live", "Live", frozenset({Role.ADMIN, Role.VIEWER})),
    ("/calls", "Calls", frozenset(Role)),
    ("/models", "Models", frozenset({Role.ADMIN, Role.VIEWER})),
    ("/spend", "Spend", frozenset({Role.ADMIN, Role.VIEWER})),
    ("/keys", "Keys", frozenset({Role.ADMIN, Role.VIEWER})),
    ("/playground", "Playground", frozenset({Role.ADMIN, Role.DEVELOPER})),
    ("/health", "Health", frozenset({Role.ADMIN, Role.VIEWER})),
    ("/mine", "Mine", frozenset(Role)),
)
"""The pages that are named at the top, and for whom."""

NOTHING: Final = "\N{EN DASH}"
"""Stands where a number is not known."""


class File(NamedTuple):
    """A file that browsers fetch; another content has another version."""

    data: bytes
    kind: str
    version: str


class Furniture:
    """The files, read once: what a request names is looked up and never opened."""

    def __init__(self) -> None:
        self._files = {path.name: _read(path) for path in sorted(STATIC.iterdir())}

    def routes(self) -> tuple[Route, ...]:
        return (Route("GET", "/static/<name>", self._static, OPEN),)

    def static(self, name: str) -> str:
        """Return where a page finds a file."""
        return f"/static/{name}?v={self._files[name].version}"

    async def _static(self, visit: Visit) -> Response:
        file = self._files.get(visit.ids["name"])
        if file is None:
            abort(404)
        tag = f'"{file.version}"'
        known = request.headers.get("if-none-match") == tag
        response = Response(b"" if known else file.data, NOT_MODIFIED if known else 200)
        response.content_type = file.kind
        response.headers["etag"] = tag
        is_named = request.args.get("v") == file.version
        response.headers["cache-control"] = FOR_EVER if is_named else ASK_AGAIN
        return response


def _read(path: Path) -> File:
    data = path.read_bytes()
    return File(data, KINDS[path.suffix], sha256(data).hexdigest()[:VERSION_DIGITS])


def navigation(role: Role | None) -> list[tuple[str, str]]:
    """Return the pages that are named at the top for a role."""
    return [(path, name) for path, name, roles in NAVIGATION if role in roles]


def filters() -> Mapping[str, object]:
    """Return what templates write values with."""
    return {"shown": shown, "money": money, "count": count, "ms": milliseconds}


def shown(value: object) -> str:
    """Write a name that others chose, without what a terminal or a reader's eye obeys (R20)."""
    return "" if value is None else printable(str(value))


def money(nanos: float | None) -> str:
    """Write nano-dollars as dollars: to the cent; of less than one, three digits that count."""
    if nanos is None:
        return NOTHING
    if not 0 < abs(nanos) < NANOS:
        return f"${nanos / NANOS:,.2f}"
    decimals = min(9, 12 - len(str(abs(int(nanos)))))
    return f"${nanos / NANOS:.{decimals}f}"


def count(number: float | None) -> str:
    """Write a number with its thousands apart."""
    return NOTHING if number is None else f"{number:,.0f}"


def milliseconds(value: float | None) -> str:
    """Write a time given in milliseconds as people say it."""
    if value is None:
        return NOTHING
    if value < 1000:
        return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
    return f"{value / 1000:.1f} s" if value < 60_000 else f"{value / 60_000:.1f} min"
