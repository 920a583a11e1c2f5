"""Somebody who visits the operator's site in memory: shows a credential or a session."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.admin.entry.attempts import Attempts
from gateway.admin.entry.door import Door
from gateway.admin.entry.guard import Guard
from gateway.admin.entry.sessions import PLAIN_NAME, Sessions
from gateway.admin.routes import Identity, Role
from gateway.admin.site import HEADERS, Site, Subject
from gateway.words.secret import Secret

KEYS = {
    Role.ADMIN: "the-operators-token-0123456789",
    Role.VIEWER: "the-viewers-token-0123456789",
    Role.DEVELOPER: "the-developers-token-0123456789",
}
"""A bearer for each role; a real developer has none and comes by a session."""

PEOPLE = {
    Role.ADMIN: Identity(Role.ADMIN, "admin key"),
    Role.VIEWER: Identity(Role.VIEWER, "viewer key"),
    Role.DEVELOPER: Identity(Role.DEVELOPER, "ada@example.com", "ada", "research"),
}

JSON = {"content-type": "application/json"}


def door(*, loopback_only: bool = True) -> Door:
    """Return a door that knows somebody of each role."""
    known = [(Secret(key), PEOPLE[role]) for role, key in KEYS.items()]
    return Door(known, loopback_only=loopback_only)


def guard() -> Guard:
    """Return a guard over that door."""
    return Guard(door(), Sessions(Secret("k" * 43), secure=False), Attempts(), frozenset())


def site(subjects: Sequence[Subject], own: Guard | None = None) -> Site:
    """Return a site with these subjects."""
    return Site(subjects, own or guard(), "1.2.3")


class Answered:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def cookie(self) -> str:
        """The session that it begins; empty where it begins none."""
        found = re.search(rf"{PLAIN_NAME}=([^;]*)", self.headers.get("set-cookie", ""))
        return found[1] if found else ""


class Visitor:
    """Asks a site. With a role it shows that one's bearer, with a cookie that."""

    def __init__(self, whole: Site, role: Role | None = Role.ADMIN, cookie: str = "") -> None:
        self._client = whole.app().test_client(use_cookies=False)
        self._headers = {"host": "localhost"}
        if cookie:
            self._headers["cookie"] = f"{PLAIN_NAME}={cookie}"
        elif role is not None:
            self._headers["authorization"] = f"Bearer {KEYS[role]}"

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str | None] | None = None,
        **more: Any,
    ) -> Answered:
        """Ask; every answer is sealed. A header that is None is not sent."""
        said = {**self._headers, **(headers or {})}
        sent = {name: value for name, value in said.items() if value is not None}
        response = await self._client.open(path, method=method, headers=sent, **more)
        fields = {name.lower(): value for name, value in response.headers.items()}
        for name in HEADERS.keys() - {"cache-control", "content-security-policy"}:
            assert fields[name] == HEADERS[name]
        assert "content-security-policy" in fields
        assert "cache-control" in fields
        assert "access-control-allow-origin" not in fields
        return Answered(response.status_code, fields, await response.get_data(as_text=False))

    async def get(self, path: str, **more: Any) -> Answered:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: object, **more: Any) -> Answered:
        """Send JSON."""
        headers = {**JSON, **more.pop("headers", {})}
        return await self.ask("POST", path, headers=headers, data=json.dumps(body), **more)
