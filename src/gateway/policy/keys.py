"""Who shows a virtual key, and what they may ask for (S5, S10, R12, R13). Pure.

A secret is turned into its digest before anything else is done with it, and only the whole digest
is looked up. A wrong key takes the same steps as a right one, up to that look.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from gateway.policy.fallbacks import ANYTHING, fits
from gateway.words.budget import Account, Budget, Per
from gateway.words.caller import Caller, Limits, Unpriced

PREFIX: Final = "ngw-"
SECRET_BYTES: Final = 32
LONGEST_BYTES: Final = 256
KEY_ID_DIGITS: Final = 12
HINT_KEEPS: Final = 4
HINTS_FROM: Final = 16
GROUP: Final = "@"

GATEWAY_FIELD: Final = b"x-gateway-key"
"""Where the gateway's key stands beside a caller's own key with a provider."""

WRONG: Final = b""
"""What is shown where a key should be, and can be none. Nobody is identified by it."""

INNER: Final = "playground"
"""The name of the key with which the operator's page asks. It is made anew at each start."""

_SECRET = re.compile(rb"[\x21-\x7e]{1,%d}" % LONGEST_BYTES)
_FIELDS: Final = (b"x-api-key", b"api-key")
_NO_LIMITS: Final = Limits()
_INSIDE: Final = Caller(INNER, INNER)


Budgets = tuple[Budget, ...]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A virtual key as it rests: all about it but the secret. Times are Unix time in seconds.

    `hint` is what may be shown of the secret, empty where nobody here has ever seen it. `models`
    holds names, patterns and groups that may be asked for; empty is all. `passthrough` names the
    providers whose own APIs it opens; empty is none.
    """

    name: str
    digest: str = field(repr=False)
    hint: str = ""
    team: str | None = None
    user: str | None = None
    models: tuple[str, ...] = ()
    limits: Limits = _NO_LIMITS
    created: int = 0
    expires: int | None = None
    revoked: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    budgets: Budgets = ()
    passthrough: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()

    @property
    def key_id(self) -> str:
        """What tells this key from all others, in logs and counters."""
        return self.digest[:KEY_ID_DIGITS]

    def holds(self, today: float) -> bool:
        """Say whether the key opens anything at this time."""
        return self.revoked is None and (self.expires is None or today < self.expires)


@dataclass(frozen=True, slots=True)
class Team:
    """What all keys of a team have in common.

    `members` are groups of an issuer's tokens whose holders belong to the team, as `oidc:NAME`.
    """

    models: tuple[str, ...] = ()
    limits: Limits = _NO_LIMITS
    budgets: Budgets = ()
    unpriced: Unpriced = "refuse"
    members: tuple[str, ...] = ()
    passthrough: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()


def presented(headers: Mapping[bytes, bytes]) -> bytes | None:
    """Return the secret that a request shows; None where it shows none.

    It stands in `x-gateway-key`, in `authorization` behind `Bearer`, in `x-api-key` or in
    `api-key`; the first that is there counts. What can be no key is `WRONG`, which is not the same
    as none.
    """
    if GATEWAY_FIELD in headers:
        return _checked(headers[GATEWAY_FIELD].strip())
    scheme, _, shown = headers.get(b"authorization", b"").strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return _checked(shown.strip())
    for name in _FIELDS:
        if name in headers:
            return _checked(headers[name].strip())
    return None


def _checked(shown: bytes) -> bytes:
    return WRONG if _SECRET.fullmatch(shown) is None else shown


def digest_of(secret: bytes, pepper: bytes) -> str:
    """Return what rests of a secret: 64 hexadecimal digits (R13)."""
    return sealed(sha256(secret).digest(), pepper)


def sealed(hashed: bytes, pepper: bytes) -> str:
    """Return what rests of a secret of which only the SHA-256 is known.

    So hashes of another gateway can be taken over, and a stolen database cannot be searched for a
    known key.
    """
    return hmac.digest(pepper, hashed, "sha256").hex()


def new_secret(random: bytes) -> str:
    """Return the secret that 32 random bytes make. Raises `ValueError` for fewer or more."""
    if len(random) != SECRET_BYTES:
        raise ValueError(f"a secret is made of {SECRET_BYTES} random bytes")
    return PREFIX + urlsafe_b64encode(random).rstrip(b"=").decode("ascii")


def hint_of(secret: str) -> str:
    """Return what may be shown of a secret: `ngw-…9f2c`, and nothing of a short one (S17)."""
    if len(secret) < HINTS_FROM:
        return "…"
    return f"{PREFIX if secret.startswith(PREFIX) else ''}…{secret[-HINT_KEEPS:]}"


class Keyring:
    """All virtual keys that are known at one time, by their digests. It is not changed: reload
    makes another.

    Of two records with one digest the first counts, unless one of them is revoked: then that does.
    A key whose team nobody knows opens nothing, for its team's limits are not known either.
    """

    def __init__(
        self,
        records: Iterable[KeyRecord],
        teams: Mapping[str, Team],
        groups: Mapping[str, tuple[str, ...]],
        pepper: bytes,
        *,
        digest: Callable[[bytes, bytes], str] = digest_of,
        inner: bytes = b"",
    ) -> None:
        """`digest` turns secret and pepper into a digest; `inner` is the secret of the key that
        rests nowhere, and is no record. Raises `ValueError` for an empty pepper where there are
        keys (S18).
        """
        self._inner = sha256(inner).digest() if inner else b""
        self._groups = dict(groups)
        self._pepper = pepper
        self._digest = digest
        self._records: dict[str, KeyRecord] = {}
        for record in records:
            if record.revoked is not None or record.digest not in self._records:
                self._records[record.digest] = record
        if self._records and not pepper:
            raise ValueError("keys are known by digests that need a pepper, and it is empty")
        self._callers = {
            whole: _caller(record, Team() if record.team is None else teams[record.team])
            for whole, record in self._records.items()
            if record.team is None or record.team in teams
        }

    def __len__(self) -> int:
        return len(self._records)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys, those that open nothing included."""
        return tuple(record.name for record in self._records.values())

    @property
    def astray(self) -> tuple[str, ...]:
        """The names of the keys whose team nobody knows."""
        return tuple(
            record.name for whole, record in self._records.items() if whole not in self._callers
        )

    @property
    def windows(self) -> frozenset[Per]:
        """The windows in which anything is counted for a key or for its team."""
        callers = self._callers.values()
        return frozenset(each.budget.per for caller in callers for each in caller.accounts)

    def identify(self, secret: bytes, today: float) -> Caller | None:
        """Return who holds a secret; None where it opens nothing, whatever the reason.

        `today` is Unix time in seconds.
        """
        digest = self._digest(secret, self._pepper)
        record = self._records.get(digest)
        if self._is_inner(secret):
            return _INSIDE
        if record is None or secret == WRONG or not record.holds(today):
            return None
        return self._callers.get(digest)

    def knows(self, secret: bytes) -> bool:
        """Say whether this is a key of ours, whether it opens anything or not."""
        return self._digest(secret, self._pepper) in self._records or self._is_inner(secret)

    def _is_inner(self, secret: bytes) -> bool:
        return hmac.compare_digest(sha256(secret).digest(), self._inner)

    def may(self, caller: Caller, model: str) -> bool:
        """Say whether a caller may ask for a name: both the key and its team must allow it."""
        return self._allowed(caller.models, model) and self._allowed(caller.team_models, model)

    def _allowed(self, said: tuple[str, ...], model: str) -> bool:
        return not said or any(
            _means(pattern, model) for one in said for pattern in self._members(one)
        )

    def _members(self, said: str) -> tuple[str, ...]:
        """Return what a group stands for. What names no group is a name or pattern itself."""
        if said.startswith(GROUP):
            return self._groups.get(said[len(GROUP) :], (said,))
        return (said,)


def _means(pattern: str, model: str) -> bool:
    return fits(model, pattern) if ANYTHING in pattern else pattern == model


def _caller(record: KeyRecord, team: Team) -> Caller:
    return Caller(
        key=record.name,
        key_id=record.key_id,
        team=record.team,
        user=record.user,
        models=record.models,
        team_models=team.models,
        limits=record.limits,
        team_limits=team.limits,
        accounts=accounts_of(
            record.name, record.user, record.budgets, record.team or "", team.budgets
        ),
        unpriced=team.unpriced,
        passthrough=tuple(dict.fromkeys((*record.passthrough, *team.passthrough))),
    )


def accounts_of(
    key: str, user: str | None, own: Budgets, team: str, common: Budgets
) -> tuple[Account, ...]:
    """Return what the calls of a key are paid from: its own budgets and those of its team."""
    found = [Account(_title(each, "key", key), "key", each, key=key) for each in own]
    for each in common:
        if each.each != "user":
            found.append(Account(_title(each, "team", team), "team", each, team=team))
        elif user is not None:
            name = _title(each, "user", team, user)
            found.append(Account(name, "user", each, team=team, user=user))
        else:
            name = _title(each, "holder", team, key)
            found.append(Account(name, "user", each, key=key, team=team))
    return tuple(found)


def _title(budget: Budget, *whose: str) -> str:
    """Name an account. A part that holds a space or a sign is written so that none can be added."""
    return " ".join(quote(part, safe="@*:.") for part in (*whose, budget.per, *budget.models))
