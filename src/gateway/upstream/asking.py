"""Asks a server of tokens for one, as OAuth 2.0 has it (RFC 6749): a form out, JSON back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import httpx2
import msgspec

from gateway.upstream.send import USER_AGENT, at_the_border, body_within, url_of
from gateway.upstream.tokens import Fetched
from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import UpstreamAuth, UpstreamFailure, UpstreamMalformed
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target

MAX_BYTES: Final = 65_536
USUAL: Final = 3600.0
"""Seconds for which a token holds where nothing is said of it."""

LONGEST_CODE: Final = 64
_TOKEN_BYTES: Final = 16_384
_OK: Final = 200
_FIELDS: Final[tuple[Header, ...]] = (
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", USER_AGENT),
)


class _Told(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int | str = 0


class _Refused(msgspec.Struct, frozen=True):
    error: str = ""


_read_told = msgspec.json.Decoder(_Told).decode
_read_refused = msgspec.json.Decoder(_Refused).decode


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that says for itself whose a request is, with the fields that go with it."""

    token: Secret
    beside: tuple[Header, ...] = ()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return (self.token,)

    def headers(self, target: Target, request: UpstreamRequest) -> tuple[Header, ...]:
        """Return the token in `authorization`."""
        return ((b"authorization", b"Bearer " + self.token.reveal().encode()), *self.beside)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked where: a path at an origin, the fields of a form (none: with GET)."""

    origin: Origin
    path: str
    form: Mapping[str, str]
    headers: tuple[Header, ...] = ()


async def ask_for_token(
    question: Question, client: httpx2.AsyncClient, beside: tuple[Header, ...] = ()
) -> Fetched:
    """Return the token that is given. Raises as `answer_to`, and has no clock either."""
    return _token_in(await answer_to(question, client), str(question.origin), beside)


async def answer_to(question: Question, client: httpx2.AsyncClient) -> bytes:
    """Return what a server of tokens answers. The wait as a whole is the caller's to bound.

    Raises `GatewayError` with a sentence that holds no secret: of what a server says to a refusal
    only its short code is told, for the rest may repeat what was sent.
    """
    origin, name = question.origin, str(question.origin)
    fields, content = [*_FIELDS, *question.headers], None
    if question.form:
        fields.append((b"content-type", b"application/x-www-form-urlencoded"))
        content = urlencode(question.form).encode()
    method = "GET" if content is None else "POST"
    try:
        async with client.stream(
            method, url_of(origin, "", question.path), headers=fields, content=content
        ) as response:
            status, body = response.status_code, await body_within(response, MAX_BYTES)
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise at_the_border(error, name) from error
    if len(body) > MAX_BYTES:
        raise UpstreamMalformed(f"The answer of {name} is longer than {MAX_BYTES} bytes.")
    if status != _OK:
        raise _refusal(status, body, name)
    return body


def _token_in(body: bytes, name: str, beside: tuple[Header, ...]) -> Fetched:
    try:
        told = _read_told(body)
        lasts = float(int(told.expires_in)) or USUAL
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError):
        raise UpstreamMalformed(f"The answer of {name} holds no token.") from None
    token = told.access_token
    if not 0 < len(token) <= _TOKEN_BYTES or not token.isascii() or not token.isprintable():
        raise UpstreamMalformed(f"The token of {name} cannot be sent.")
    # What ends at once, or has ended, is tried again soon.
    return Fetched(Bearer(Secret(token), beside), max(lasts, 1.0))


def _refusal(status: int, body: bytes, name: str) -> UpstreamFailure:
    try:
        code = _read_refused(body).error[:LONGEST_CODE]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        code = ""
    plain = code.isascii() and code.replace("_", "").isalnum()
    said = f"{status} ({code})" if plain else str(status)
    kind = UpstreamAuth if status in {400, 401, 403} else UpstreamFailure
    return kind(f"{name} answered {said}.")
