"""Who an issuer's token stands for, and what they may: from claims to a caller. Pure.

The issuer says who somebody is and to which groups they belong; what that opens is the
configuration's word: the team of a group, with its models, limits and budgets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol, TypeGuard

from gateway.policy.jwt import ALGORITHMS, LONGEST_NAME, Token
from gateway.policy.keys import KEY_ID_DIGITS, Team, accounts_of
from gateway.words.caller import Caller

OIDC: Final = "oidc:"
"""Stands before a group of an issuer's in `members`, and before a user's name in the log."""

MOST_TEXTS: Final = 256
LEEWAY: Final = 60.0
NOTHING: Final = ("",)
"""Models for one who may ask for none: no model has an empty name."""


class Identifies(Protocol):
    """Who knows callers by the tokens of issuers, as far as the front asks."""

    async def identify(self, token: bytes, today: float) -> Caller | None:
        """Return who holds a token; None where it opens nothing, whatever the reason.

        `today` is Unix time. Raises `Busy` where the issuer's keys cannot be had.
        """

    def is_meant_here(self, token: bytes) -> bool:
        """Say whether this is a token for this gateway, in force or not, whoever has signed it."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """One who signs tokens for callers of this gateway.

    `name` is what its tokens say in `iss`, `audience` what they may say in `aud`. `team`, `user`
    and `models` are claims; without `models` a token opens what its team may ask for. `leeway` is
    in seconds: clocks differ. Without a `jwks_url` the issuer itself says where its keys are.
    """

    name: str
    audience: tuple[str, ...]
    jwks_url: str = ""
    team: str = "groups"
    user: str = "sub"
    models: str = ""
    algorithms: tuple[str, ...] = ALGORITHMS
    leeway: float = LEEWAY

    def accepts(self, token: Token, today: float) -> bool:
        """Say whether a token is one of this issuer's for this gateway, and in force.

        Its signature is another question.
        """
        return (
            self.means(token)
            and token.algorithm in self.algorithms
            and token.begins <= today + self.leeway
            and today < self.ends(token)
        )

    def means(self, token: Token) -> bool:
        """Say whether a token says to be one of this issuer's for this gateway."""
        for_us = not set(token.audience).isdisjoint(self.audience)
        return for_us and token.issuer == self.name

    def ends(self, token: Token) -> float:
        """Return when a token is no longer in force."""
        return token.expires + self.leeway


class Members:
    """Which team the groups of a token belong to: the first of the configuration that has one."""

    def __init__(self, teams: Mapping[str, Team]) -> None:
        self._teams = teams
        self._names = tuple(teams)
        self._places: dict[str, int] = {}
        self._bound = any(team.members for team in teams.values())
        for place, team in enumerate(teams.values()):
            for member in team.members:
                if member.startswith(OIDC):
                    self._places.setdefault(member[len(OIDC) :], place)

    def caller_of(self, issuer: Issuer, claims: Mapping[str, object]) -> Caller | None:
        """Return whom the claims of an issuer's token stand for.

        None where they name no user, or no group of any team although a team has members.
        """
        user = claim_of(claims, issuer.user)
        team = self._team_of(texts_of(claim_of(claims, issuer.team)))
        if not is_name(user) or (team is None and self._bound):
            return None
        common = Team() if team is None else self._teams[team]
        named = OIDC + user
        asked = texts_of(claim_of(claims, issuer.models)) if issuer.models else ()
        return Caller(
            key=named,
            key_id=key_id_of(issuer.name, user),
            team=team,
            user=user,
            models=(asked or NOTHING) if issuer.models else (),
            team_models=common.models,
            team_limits=common.limits,
            accounts=accounts_of(named, user, (), team or "", common.budgets),
            unpriced=common.unpriced,
            passthrough=common.passthrough,
        )

    def _team_of(self, groups: tuple[str, ...]) -> str | None:
        places = [self._places[group] for group in groups if group in self._places]
        return self._names[min(places)] if places else None


def key_id_of(issuer: str, user: str) -> str:
    """Return what tells a user from all others, whichever token they show."""
    return sha256(f"{issuer}\0{user}".encode()).hexdigest()[:KEY_ID_DIGITS]


def claim_of(claims: Mapping[str, object], name: str) -> object:
    """Return a claim by its name, or by a path with dots into others; None where there is none.

    The name as it stands comes first: some are addresses, and hold dots themselves.
    """
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def texts_of(claim: object) -> tuple[str, ...]:
    """Return what a claim says, as one text or a list of them; what is no name is left out."""
    said = claim if isinstance(claim, list) else [claim]
    return tuple(text for text in said[:MOST_TEXTS] if is_name(text))


def is_name(said: object) -> TypeGuard[str]:
    """Say whether this is a text that may name somebody or something, in a log too (R10)."""
    return isinstance(said, str) and 0 < len(said) <= LONGEST_NAME and said.isprintable()
