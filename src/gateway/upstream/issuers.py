"""Knows callers by the tokens of issuers: once by a signature, then by the token's digest.

No token is kept, only its whole digest (S5, S10), so that two tokens that begin alike are two.
What is known of a token ends with it, and with the key that vouched for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.policy.issuers import Issuer, Members
from gateway.policy.jwt import read_token
from gateway.policy.keys import Team
from gateway.upstream.jwks import Jwks, Read, Tells
from gateway.words.caller import Caller

MOST_KNOWN: Final = 4096


@dataclass(frozen=True, slots=True)
class _Known:
    """Whom a token stands for, until when, and by which keys."""

    caller: Caller
    until: float
    keys: Jwks
    changes: int


class Issuers:
    """All issuers whose tokens are taken here. `keys` are services, which must be running."""

    def __init__(self, issuers: Mapping[str, tuple[Issuer, Jwks]], members: Members) -> None:
        """`issuers` are by their names, as a token says them in `iss`."""
        self._issuers = dict(issuers)
        self._members = members
        self._known: dict[bytes, _Known] = {}

    def __len__(self) -> int:
        """How many tokens are known."""
        return len(self._known)

    @property
    def keys(self) -> tuple[Jwks, ...]:
        return tuple(keys for _, keys in self._issuers.values())

    @property
    def known_keys(self) -> Mapping[tuple[str, str], Jwks]:
        """The services by the names of issuers and the addresses of their keys."""
        return {(issuer.name, issuer.jwks_url): keys for issuer, keys in self._issuers.values()}

    async def identify(self, token: bytes, today: float) -> Caller | None:
        """Return who holds a token; None where it opens nothing, whatever the reason.

        Waits only for a key that is not known yet (see `Jwks.find`, which raises `Busy`). `today`
        is Unix time.
        """
        digest = sha256(token).digest()
        known = self._known.get(digest)
        if known is not None and today < known.until and known.changes == known.keys.changes:
            return known.caller
        said = read_token(token)
        issuer, keys = self._issuers.get(said.issuer, (None, None)) if said else (None, None)
        if said is None or issuer is None or keys is None or not issuer.accepts(said, today):
            return None
        key = await keys.find(said.kid, said.algorithm)
        if key is None or not key.verifies(said.algorithm, said.signed, said.signature):
            return None
        caller = self._members.caller_of(issuer, said.claims)
        if caller is not None:
            self._remember(digest, _Known(caller, issuer.ends(said), keys, keys.changes))
        return caller

    def is_meant_here(self, token: bytes) -> bool:
        """Say whether this is a token for this gateway, in force or not, whoever has signed it."""
        said = read_token(token)
        issuer, _ = self._issuers.get(said.issuer, (None, None)) if said else (None, None)
        return said is not None and issuer is not None and issuer.means(said)

    def _remember(self, digest: bytes, known: _Known) -> None:
        self._known.pop(digest, None)
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[digest] = known


def open_issuers(
    issuers: Sequence[Issuer],
    teams: Mapping[str, Team],
    log: Tells,
    before: Issuers | None = None,
) -> Issuers | None:
    """Return who knows callers by tokens of these issuers; None where there are none.

    Keys that were fetched `before` go on: an issuer may be away just now.
    """
    if not issuers:
        return None
    read = reader()
    known = {} if before is None else before.known_keys

    def keys_of(issuer: Issuer) -> Jwks:
        place = (issuer.name, issuer.jwks_url)
        return known.get(place) or Jwks(*place, read, log)

    return Issuers({each.name: (each, keys_of(each)) for each in issuers}, Members(teams))


def reader() -> Read:
    """Return who reads keys. It imports the extra `oidc`, and nobody else does."""
    from gateway.upstream.signatures import read_keys  # noqa: PLC0415 (an optional dependency)

    return read_keys
