"""Who somebody is to the operator's site, by the token that an issuer gives them there. Pure.

The issuer says who they are and in which groups; what that is worth here the configuration says.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gateway.policy.issuers import Issuer, Members, claim_of, is_name, texts_of
from gateway.policy.jwt import Token

Rank = Literal["admin", "viewer", "developer"]

_CALLED: Final = ("email", "preferred_username")
"""Claims that name somebody for people, the first that is there."""


@dataclass(frozen=True, slots=True)
class Guest:
    """One who has signed in: `name` is for people, `user` is whom their calls belong to."""

    rank: Rank
    name: str
    user: str
    team: str | None


@dataclass(frozen=True, slots=True)
class Reception:
    """What tokens of one issuer are worth. The issuer's only audience is the gateway itself, by the
    name that it has there; `admins` and `viewers` are groups.
    """

    issuer: Issuer
    admins: frozenset[str]
    viewers: frozenset[str]
    members: Members

    def accepts(self, token: Token, nonce: str, today: float) -> bool:
        """Say whether a token was made for this one sign-in, and is in force.

        Its signature is another question.
        """
        told = token.claims.get("nonce")
        return (
            self.issuer.accepts(token, today)
            and self._is_for_us_alone(token)
            and isinstance(told, str)
            and hmac.compare_digest(told.encode(errors="replace"), nonce.encode())
        )

    def _is_for_us_alone(self, token: Token) -> bool:
        """Say whether nobody else was meant (OpenID Connect Core, section 3.1.3.7)."""
        party = token.claims.get("azp")
        if party is None:
            return len(token.audience) == 1
        return party in self.issuer.audience

    def guest_of(self, claims: Mapping[str, object]) -> Guest | None:
        """Return who the claims say has come; None where that is nobody here."""
        user = claim_of(claims, self.issuer.user)
        if not is_name(user):
            return None
        caller = self.members.caller_of(self.issuer, claims)
        groups = texts_of(claim_of(claims, self.issuer.team))
        rank: Rank = "developer"
        if not self.admins.isdisjoint(groups):
            rank = "admin"
        elif not self.viewers.isdisjoint(groups):
            rank = "viewer"
        elif caller is None:
            return None
        names = (claims.get(each) for each in _CALLED)
        name = next((each for each in names if is_name(each)), user)
        return Guest(rank, name, user, None if caller is None else caller.team)
