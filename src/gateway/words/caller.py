"""Who holds a virtual key, and what it may: as much of it as the rooms of a call need."""

from dataclasses import dataclass, field
from typing import Literal

from gateway.words.budget import Account

Unpriced = Literal["refuse", "free"]
"""What becomes of a call that nobody can tell the price of, where a budget holds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked at once and in a minute; None is without a limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """One who may call. `key` is the name of the virtual key, `key_id` tells it from all others.

    `models` and `team_models` are names and patterns that may be asked for; empty is all. Both must
    allow a name. `accounts` are the budgets that its calls are paid from. `passthrough` names the
    providers whose own APIs are open to it.
    """

    key: str
    key_id: str
    team: str | None = None
    user: str | None = None
    models: tuple[str, ...] = ()
    team_models: tuple[str, ...] = ()
    limits: Limits = field(default=Limits())
    team_limits: Limits = field(default=Limits())
    accounts: tuple[Account, ...] = ()
    unpriced: Unpriced = "refuse"
    passthrough: tuple[str, ...] = ()


ANYONE = Caller("", "")
"""Whoever calls a gateway that has no keys."""
