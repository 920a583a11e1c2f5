"""Rows of LiteLLM's tables as this house understands them; what it does not know is told."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final, Protocol, TypeVar

import msgspec

from gateway.commands.keys import MOST
from gateway.words.caller import Limits

Texts = list[str]
Json = Any
"""What stands in a column of JSON; nobody knows what a version puts there."""


class KeyRow(msgspec.Struct, kw_only=True):
    """A virtual key. `token` is the SHA-256 of its secret, in hexadecimal digits."""

    token: str
    key_name: str | None = None
    key_alias: str | None = None
    spend: float | None = None
    expires: str | None = None
    models: Texts | None = None
    user_id: str | None = None
    team_id: str | None = None
    project_id: str | None = None
    organization_id: str | None = None
    max_parallel_requests: int | None = None
    metadata: Json = None
    blocked: bool | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    max_budget: float | None = None
    budget_duration: str | None = None
    budget_reset_at: str | None = None
    allowed_routes: Texts | None = None
    model_max_budget: Json = None
    budget_limits: Json = None
    budget_id: str | None = None
    created_at: str | None = None


class OldKeyRow(msgspec.Struct, kw_only=True):
    """The former secret of a key that was rotated; it opens the key's doors for a while yet."""

    token: str
    active_token_id: str
    revoke_at: str


class TeamRow(msgspec.Struct, kw_only=True):
    """A team: what its keys may do together."""

    team_id: str
    team_alias: str | None = None
    organization_id: str | None = None
    metadata: Json = None
    max_budget: float | None = None
    soft_budget: float | None = None
    spend: float | None = None
    models: Texts | None = None
    max_parallel_requests: int | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    budget_duration: str | None = None
    budget_reset_at: str | None = None
    blocked: bool | None = None
    model_max_budget: Json = None
    budget_limits: Json = None
    created_at: str | None = None


class UserRow(msgspec.Struct, kw_only=True):
    """A user. What it says holds for keys of the user that are in no team."""

    user_id: str
    max_budget: float | None = None
    spend: float | None = None
    models: Texts | None = None
    max_parallel_requests: int | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    budget_duration: str | None = None
    budget_reset_at: str | None = None
    model_max_budget: Json = None


class BudgetRow(msgspec.Struct, kw_only=True):
    """A budget that keys, members of teams and others may share the terms of."""

    budget_id: str
    max_budget: float | None = None
    soft_budget: float | None = None
    max_parallel_requests: int | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    model_max_budget: Json = None
    budget_duration: str | None = None
    budget_reset_at: str | None = None
    allowed_models: Texts | None = None


class MemberRow(msgspec.Struct, kw_only=True):
    """A user's share of a team's budget."""

    user_id: str
    team_id: str
    spend: float | None = None
    budget_id: str | None = None


AnyRow = TypeVar("AnyRow", KeyRow, OldKeyRow, TeamRow, UserRow, BudgetRow, MemberRow)

UNTOLD: Final = frozenset(
    {
        *("created_at", "created_by", "updated_at", "updated_by", "last_active", "id", "spend"),
        *("soft_budget_cooldown", "model_spend", "rotation_count", "last_rotation_at"),
        *("key_rotation_at", "total_spend", "admins", "members", "members_with_roles"),
        *("team_member_permissions", "default_team_member_models", "user_alias", "team_id"),
        *("teams", "sso_user_id", "user_role", "user_email"),
    }
)
"""Columns that change nothing about who may ask for what; of organizations is told elsewhere."""

_MASKED: Final = re.compile(r"(sk-)\.\.\.([\x21-\x7e]{1,4})")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def read_row(kind: type[AnyRow], row: Mapping[str, object]) -> AnyRow | None:
    """Return a row; None where it is none that can be understood."""
    try:
        return msgspec.convert(row, kind, strict=False)
    except msgspec.ValidationError:
        return None


def beyond(kind: type[AnyRow], row: Mapping[str, object]) -> list[str]:
    """Return which columns say something that nothing here means."""
    known = {*(field.name for field in msgspec.structs.fields(kind)), *UNTOLD}
    return sorted(name for name, value in row.items() if value and name not in known)


def is_hash(token: str) -> bool:
    """Say whether this is the SHA-256 of a secret, and not a secret itself."""
    return _HASH.fullmatch(token) is not None


def masked(name: str | None) -> str | None:
    """Return what may be shown of a secret, as `sk-…9f2c`; None for all that is not masked."""
    found = _MASKED.fullmatch(name or "")
    return f"{found[1]}…{found[2]}" if found else None


def moment(written: str) -> int:
    """Return the Unix time of a moment, which is in UTC where it says no offset.

    Raises `ValueError`.
    """
    found = datetime.fromisoformat(written)
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


class Limited(Protocol):
    """A row that says how much may be asked."""

    @property
    def rpm_limit(self) -> int | None:
        """Calls within a minute."""

    @property
    def tpm_limit(self) -> int | None:
        """Tokens within a minute."""

    @property
    def max_parallel_requests(self) -> int | None:
        """Calls at one time."""


def limits_of(*rows: Limited | None) -> Limits | None:
    """Return the smallest limits that these rows set; None where one lets nothing in."""
    said = [row for row in rows if row is not None]
    least = (
        _least(row.rpm_limit for row in said),
        _least(row.tpm_limit for row in said),
        _least(row.max_parallel_requests for row in said),
    )
    if any(limit is not None and limit < 1 for limit in least):
        return None
    return Limits(*least)


def _least(said: Iterable[int | None]) -> int | None:
    """Return the smallest; what is larger than a limit can be is none."""
    return min((limit for limit in said if limit is not None and limit <= MOST), default=None)


def dollars(amount: float | None) -> float | None:
    """Return an amount from 0 on; None where there is none, or no end to it."""
    return max(0.0, amount) if amount is not None and isfinite(amount) else None
