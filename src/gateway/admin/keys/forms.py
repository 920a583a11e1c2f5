"""What the API takes and tells of keys and teams. Never a secret, but once in `KeyMade` (S17)."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.words.budget import Per

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=1000)]
Names = Annotated[list[Name], Meta(max_length=256)]
Few = Annotated[list[Name], Meta(max_length=64)]
Metadata = Annotated[dict[Name, Text], Meta(max_length=64)]
Most = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
Usd = Annotated[float, Meta(gt=0.0, le=9_000_000.0)]
Part = Annotated[float, Meta(gt=0.0, le=1.0)]
Expiry = Annotated[
    str,
    Meta(max_length=40, description="A date, a moment, or days from now: 2027-01-01, 30d."),
]


class LimitsSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much may be asked; null is without a limit."""

    requests_per_minute: Most | None = None
    tokens_per_minute: Most | None = None
    concurrency: Most | None = None


class LimitsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Other limits; what is left out stays as it is, null is without a limit."""

    requests_per_minute: Most | UnsetType | None = UNSET
    tokens_per_minute: Most | UnsetType | None = UNSET
    concurrency: Most | UnsetType | None = UNSET


class BudgetSaid(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """What may be spent within a calendar window, as in the file."""

    usd: Usd
    per: Per
    models: Names = []
    reserve: Literal["typical", "worst"] = "typical"
    then: Name | None = None
    alert: Annotated[list[Part], Meta(max_length=16)] = []


Budgets = Annotated[list[BudgetSaid], Meta(max_length=32)]


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key that is to be made."""

    name: Name
    team: Name | None = None
    user: Name | None = None
    models: Names = []
    limits: LimitsSaid = LimitsSaid()
    budgets: Budgets = []
    expires: Expiry | None = None
    metadata: Metadata = {}
    passthrough: Few = []


class KeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Other rights for a key; what is left out stays as it is."""

    name: Name
    models: Names | UnsetType = UNSET
    limits: LimitsChange = LimitsChange()
    budgets: Budgets | UnsetType = UNSET
    expires: Expiry | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET
    passthrough: Few | UnsetType = UNSET


class KeyNamed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key, by its name."""

    name: Name


class KeyMade(msgspec.Struct, frozen=True):
    """A key that has a new secret, which is told this once."""

    name: str
    secret: str
    hint: str
    warnings: list[str]


class KeyChanged(msgspec.Struct, frozen=True):
    """A key that has other rights."""

    name: str
    warnings: list[str]


class KeyRevoked(msgspec.Struct, frozen=True):
    """A key that opens nothing any more; `revoked` says whether it did until now."""

    name: str
    revoked: bool


class BudgetTold(msgspec.Struct, frozen=True, kw_only=True):
    """A budget of a key or team. `in_words` is for people."""

    usd: float
    per: Per
    models: list[str]
    each: str
    reserve: str
    then: str | None
    alert: list[float]
    in_words: str


class KeyTold(msgspec.Struct, frozen=True, kw_only=True):
    """A key. Moments are those of UTC; `spent_nanos` is what it has spent this month, if known."""

    name: str
    id: str
    hint: str
    source: Literal["file", "database"]
    state: str
    in_force: bool
    team: str | None
    user: str | None
    models: list[str]
    limits: LimitsSaid
    budgets: list[BudgetTold]
    created: str | None
    expires: str | None
    revoked: str | None
    metadata: dict[str, str]
    passthrough: list[str]
    spent_nanos: int | None


class KeysTold(msgspec.Struct, frozen=True):
    """All keys. `damaged` names those of the database that cannot be read, and so open nothing."""

    keys: list[KeyTold]
    damaged: list[str]


class TeamTold(msgspec.Struct, frozen=True, kw_only=True):
    """A team of the file, with what all its keys may do together."""

    name: str
    models: list[str]
    limits: LimitsSaid
    budgets: list[BudgetTold]
    unpriced: str
    members: list[str]
    passthrough: list[str]
    keys: int
    spent_nanos: int | None


class TeamsTold(msgspec.Struct, frozen=True):
    """All teams."""

    teams: list[TeamTold]
