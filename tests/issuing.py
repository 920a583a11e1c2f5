"""An issuer that signs people in: its places on a real socket, its codes good for once.

It is as strict as the specifications have it, so that what it accepts any issuer would accept.
"""

import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import trio

from tests.issuer import Signer, document
from tests.scripted import Link, Received, Scripted, listen

CLIENT_ID = "the gateway"
CLIENT_SECRET = "a secret: with signs & such"

Answer = tuple[int, Mapping[str, str], bytes]
Forge = Callable[[dict[str, Any]], bytes]


@dataclass
class Issuing:
    """What the issuer knows, and how it is to answer.

    `back` is the address to which alone it sends people. `user` are claims of whoever signs in;
    `forge` makes the token out of all claims; `today` is its clock. `asked` are the paths that were
    asked for.
    """

    back: str
    today: float
    user: dict[str, Any] = field(default_factory=lambda: {"sub": "ada"})
    signer: Signer = field(default_factory=Signer)
    forge: Forge | None = None
    secret: str = CLIENT_SECRET
    expired: bool = False
    posts: bool = False
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    server: Scripted | None = None

    @property
    def name(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.port}"

    async def open(self, nursery: trio.Nursery) -> "Issuing":
        """Listen on loopback."""
        self.server = await listen(nursery, self._serve)
        return self

    async def _serve(self, link: Link) -> None:
        while True:
            status, fields, body = self._answer(await link.request())
            lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in fields.items()]
            await link.send("\r\n".join([*lines, "", ""]).encode() + body)

    def _answer(self, request: Received) -> Answer:
        method, target, _ = request.line.decode().split(" ")
        parts = urlsplit(target)
        self.asked.append(parts.path)
        match method, parts.path:
            case "GET", "/.well-known/openid-configuration":
                return 200, {}, self._configuration()
            case "GET", "/jwks":
                return 200, {}, document(self.signer)
            case "GET", "/authorize":
                return self._authorize(_one_each(parts.query))
            case "POST", "/token":
                return self._token(request, _one_each(request.body.decode()))
        return 404, {}, b""

    def _configuration(self) -> bytes:
        methods = ["client_secret_post"] if self.posts else ["client_secret_basic"]
        said = {
            "issuer": self.name,
            "authorization_endpoint": f"{self.name}/authorize",
            "token_endpoint": f"{self.name}/token",
            "jwks_uri": f"{self.name}/jwks",
            "token_endpoint_auth_methods_supported": methods,
        }
        return json.dumps(said).encode()

    def _authorize(self, asked: dict[str, str]) -> Answer:
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split(" ")
        if asked["client_id"] != CLIENT_ID or asked["redirect_uri"] != self.back:
            return 400, {}, b"unknown client, or another place to go back to"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        fields = urlencode({"code": code, "state": asked["state"], "iss": self.name})
        return 302, {"location": f"{asked['redirect_uri']}?{fields}"}, b""

    def _token(self, request: Received, form: dict[str, str]) -> Answer:
        asked = self.codes.pop(form["code"], None)
        if not self._is_known(request, form):
            return _refusal("invalid_client", 401)
        if asked is None or self.expired or form["grant_type"] != "authorization_code":
            return _refusal("invalid_grant")
        proof = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest())
        same = form["redirect_uri"] == asked["redirect_uri"]
        if not same or proof.rstrip(b"=").decode() != asked["code_challenge"]:
            return _refusal("invalid_grant")
        said = {"iss": self.name, "aud": CLIENT_ID, "nonce": asked["nonce"], **self.user}
        said |= {"iat": int(self.today), "exp": int(self.today) + 300}
        token = self.signer.token(said) if self.forge is None else self.forge(said)
        body = {
            "access_token": "of no use here",
            "token_type": "Bearer",
            "id_token": token.decode(),
        }
        return 200, {"content-type": "application/json"}, json.dumps(body).encode()

    def _is_known(self, request: Received, form: dict[str, str]) -> bool:
        if self.posts:
            shown = form["client_id"], form["client_secret"]
        else:
            (said,) = request.values(b"authorization")
            pair = b64decode(said.removeprefix(b"Basic ")).decode()
            name, _, secret = pair.partition(":")
            shown = unquote(name), unquote(secret)
        return shown[0] == CLIENT_ID and hmac.compare_digest(shown[1], self.secret)


def _one_each(said: str) -> dict[str, str]:
    fields = parse_qs(said, strict_parsing=True)
    assert all(len(values) == 1 for values in fields.values())
    return {name: values[0] for name, values in fields.items()}


def _refusal(code: str, status: int = 400) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps({"error": code}).encode()
