"""Tokens of Google's: for a service account, for a user, or for the machine's own account.

What is read here is the file that Google's console or `gcloud` has written. It is read anew each
time, by a thread, so that another key may take the place of the first without a restart.

https://cloud.google.com/docs/authentication/application-default-credentials
https://developers.google.com/identity/protocols/oauth2/service-account
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import httpx2
import msgspec
import trio

from gateway.upstream.asking import Question, ask_for_token
from gateway.upstream.issuer_address import address_of
from gateway.upstream.tokens import Fetched
from gateway.words.client import Header
from gateway.words.grants import GoogleGrant
from gateway.words.target import Origin

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
VARIABLE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
METADATA: Final = Origin("http", "169.254.169.254", 80)
METADATA_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"

_BY_ASSERTION: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ACCOUNT, _USER = "service_account", "authorized_user"
_LONGEST_FILE: Final = 65_536
_HELD: Final = 3600
"""Seconds. Google gives no token for longer."""


class _File(msgspec.Struct, frozen=True):
    """What a file of credentials says; which of it must be there depends on its type."""

    type: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = TOKEN_URI
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    quota_project_id: str = ""


Assert = Callable[[str, str, Mapping[str, object]], str]
"""Signs claims: with a private key, the name of that key, what is claimed. Raises `ValueError`."""

_read_file = msgspec.json.Decoder(_File).decode


class Google:
    """The source of one account's tokens."""

    def __init__(
        self,
        grant: GoogleGrant,
        environ: Mapping[str, str],
        today: Callable[[], float],
        sign: Assert,
        limiter: trio.CapacityLimiter,
    ) -> None:
        """`today` is Unix time, `limiter` has the thread for what must not keep the loop."""
        self._grant = grant
        self._environ = environ
        self._today = today
        self._sign = sign
        self._limiter = limiter

    async def fetch(self, client: httpx2.AsyncClient) -> Fetched:
        """Ask for a token. Raises `GatewayError`, and `ValueError` for a file that is of no use."""
        if self._grant.metadata:
            flavor = ((b"metadata-flavor", b"Google"),)
            return await ask_for_token(Question(METADATA, METADATA_PATH, {}, flavor), client)
        # Reading and signing are work of some milliseconds; a thread that hangs is left behind.
        question, beside = await trio.to_thread.run_sync(
            partial(self._question, self._today()),
            limiter=self._limiter,
            abandon_on_cancel=True,
        )
        return await ask_for_token(question, client, beside)

    def _question(self, today: float) -> tuple[Question, tuple[Header, ...]]:
        said = _read(self._file())
        try:
            origin, path = address_of(said.token_uri)
        except ValueError as error:
            raise ValueError(f"the token_uri of its file {error}") from None
        return Question(origin, path, self._form(said, int(today))), _beside(said)

    def _form(self, said: _File, today: int) -> dict[str, str]:
        """Return what is asked with: an assertion that we have signed, or the user's own token."""
        if said.type == _USER:
            return {
                "grant_type": "refresh_token",
                "client_id": said.client_id,
                "client_secret": said.client_secret,
                "refresh_token": said.refresh_token,
            }
        claims = {
            "iss": said.client_email,
            "scope": SCOPE,
            "aud": said.token_uri,
            "iat": today,
            "exp": today + _HELD,
        }
        assertion = self._sign(said.private_key, said.private_key_id, claims)
        return {"grant_type": _BY_ASSERTION, "assertion": assertion}

    def _file(self) -> Path:
        named = self._grant.file or self._environ.get(VARIABLE, "")
        if named:
            return Path(named)
        folder = self._environ.get("CLOUDSDK_CONFIG", "")
        home = Path(self._environ.get("HOME", "/"))
        place = Path(folder) if folder else home / ".config" / "gcloud"
        return place / "application_default_credentials.json"


def _read(place: Path) -> _File:
    """Read a file of credentials. Raises `ValueError` with a sentence that repeats none of it."""
    try:
        with place.open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise ValueError(f"cannot read {place}: {error.strerror}") from None
    try:
        said = _read_file(data[:_LONGEST_FILE])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError(f"{place} is no file of Google's credentials") from None
    wanted = {
        _ACCOUNT: (said.client_email, said.private_key),
        _USER: (said.client_id, said.client_secret, said.refresh_token),
    }.get(said.type)
    if wanted is None:
        raise ValueError(f"{place} is neither of a {_ACCOUNT} nor of an {_USER}")
    if not all(wanted):
        raise ValueError(f"{place} lacks a part of what a file of an {said.type} holds")
    return said


def _beside(said: _File) -> tuple[Header, ...]:
    """Return what says which project pays, where a user's file does."""
    project = said.quota_project_id
    if said.type != _USER or not project or not project.isascii() or not project.isprintable():
        return ()
    return ((b"x-goog-user-project", project.encode()),)
