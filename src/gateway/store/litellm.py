"""What a database of LiteLLM's holds of keys, teams, users and budgets. It is only read.

Its schema has changed often and a column may be missing, so rows are asked for as JSON, whole. Of
users their passwords are left out, of models their credentials: neither ever leaves the server.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec

from gateway.store.connection import Connection, DatabaseFault, transaction
from gateway.store.database import connect_foreign
from gateway.store.places import PostgresPlace, parse_server

MOST_ROWS: Final = 100_000
"""Of one table."""

MOST_BYTES: Final = 1_048_576
"""Of one row, as JSON."""

THEIR_PARAMETERS: Final = (
    "connection_limit", "connect_timeout", "pgbouncer", "pool_timeout", "socket_timeout",
    "statement_cache_size", "application_name",
)  # fmt: skip
"""What Prisma's addresses say of its own connections, and nobody else needs."""

Row = dict[str, Any]

_ROWS: Final[Mapping[str, str]] = {
    "keys": (
        'SELECT to_jsonb(t)::text AS said FROM "LiteLLM_VerificationToken" AS t'
        " ORDER BY to_jsonb(t) ->> 'created_at', token LIMIT ?"
    ),
    "old_keys": (
        'SELECT to_jsonb(t)::text FROM "LiteLLM_DeprecatedVerificationToken" AS t'
        " ORDER BY token LIMIT ?"
    ),
    "teams": (
        'SELECT to_jsonb(t)::text FROM "LiteLLM_TeamTable" AS t'
        " ORDER BY to_jsonb(t) ->> 'created_at', team_id LIMIT ?"
    ),
    "users": (
        "SELECT (to_jsonb(t) - 'password')::text FROM \"LiteLLM_UserTable\" AS t"
        " ORDER BY user_id LIMIT ?"
    ),
    "budgets": (
        'SELECT to_jsonb(t)::text FROM "LiteLLM_BudgetTable" AS t ORDER BY budget_id LIMIT ?'
    ),
    "members": (
        'SELECT to_jsonb(t)::text FROM "LiteLLM_TeamMembership" AS t'
        " ORDER BY team_id, user_id LIMIT ?"
    ),
    "projects": (
        'SELECT to_jsonb(t)::text FROM "LiteLLM_ProjectTable" AS t ORDER BY project_id LIMIT ?'
    ),
    "organizations": (
        'SELECT to_jsonb(t)::text FROM "LiteLLM_OrganizationTable" AS t'
        " ORDER BY organization_id LIMIT ?"
    ),
    "models": (
        "SELECT (to_jsonb(t) - 'litellm_params')::text FROM \"LiteLLM_ProxyModelTable\" AS t"
        " ORDER BY model_name LIMIT ?"
    ),
    "customers": (
        'SELECT to_jsonb(t)::text FROM "LiteLLM_EndUserTable" AS t'
        " WHERE to_jsonb(t) ->> 'budget_id' IS NOT NULL OR to_jsonb(t) ->> 'blocked' = 'true'"
        " ORDER BY user_id LIMIT ?"
    ),
    "tags": (
        'SELECT to_jsonb(t)::text FROM "LiteLLM_TagTable" AS t'
        " WHERE to_jsonb(t) ->> 'budget_id' IS NOT NULL ORDER BY tag_name LIMIT ?"
    ),
    "tokens": (
        "SELECT (to_jsonb(t) - 'token')::text FROM \"LiteLLM_JWTKeyMapping\" AS t"
        " ORDER BY jwt_claim_name, jwt_claim_value LIMIT ?"
    ),
    "mcp_servers": (
        "SELECT jsonb_build_object('server_id', server_id)::text FROM \"LiteLLM_MCPServerTable\""
        " ORDER BY server_id LIMIT ?"
    ),
    "guardrails": (
        "SELECT jsonb_build_object('guardrail_name', guardrail_name)::text"
        ' FROM "LiteLLM_GuardrailsTable" ORDER BY guardrail_name LIMIT ?'
    ),
}

TABLES: Final[Mapping[str, str]] = {
    "keys": "LiteLLM_VerificationToken",
    "old_keys": "LiteLLM_DeprecatedVerificationToken",
    "teams": "LiteLLM_TeamTable",
    "users": "LiteLLM_UserTable",
    "budgets": "LiteLLM_BudgetTable",
    "members": "LiteLLM_TeamMembership",
    "projects": "LiteLLM_ProjectTable",
    "organizations": "LiteLLM_OrganizationTable",
    "models": "LiteLLM_ProxyModelTable",
    "customers": "LiteLLM_EndUserTable",
    "tags": "LiteLLM_TagTable",
    "tokens": "LiteLLM_JWTKeyMapping",
    "mcp_servers": "LiteLLM_MCPServerTable",
    "guardrails": "LiteLLM_GuardrailsTable",
}
"""What is asked for, and the table that it lies in. Only the first is in every version."""

_NOWHERE: Final = Path()
"""Nothing is written for a database that is only read."""

_SETTINGS: Final = (
    "SELECT set_config('search_path', quote_ident(?), true),"
    " set_config('statement_timeout', '60000', true), set_config('lock_timeout', '3000', true)"
)
_IS_THERE: Final = "SELECT to_regclass(quote_ident(?)) IS NOT NULL"
_DAILY_TABLE: Final = "LiteLLM_DailyUserSpend"
_DAILY: Final = (
    "SELECT api_key, coalesce(nullif(to_jsonb(t) ->> 'model_group', ''), model, ''), date,"
    ' sum(spend) FROM "LiteLLM_DailyUserSpend" AS t WHERE date >= ? AND api_key = ANY(?)'
    " GROUP BY 1, 2, 3"
)


class Daily(msgspec.Struct, frozen=True):
    """What one key, by its hash, spent for one model on one day (`2026-11-30`, UTC), in dollars."""

    token: str
    model: str
    day: str
    usd: float


class Theirs(msgspec.Struct):
    """All that was read, at one moment. `large` counts keys whose rows are too large to read."""

    rows: dict[str, list[Row]] = {}
    large: int = 0
    daily: list[Daily] = []


Wanting = Callable[[Theirs], tuple[str, Sequence[str]]]
"""Says since which day, and of which keys, what was spent each day is wanted."""


def place_of(address: str) -> tuple[PostgresPlace, str]:
    """Return where an address as Prisma writes it points, and the schema that it names.

    Raises `ValueError` with a sentence that holds no part of it.
    """
    head, mark, query = address.partition("?")
    try:
        said = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=32)
    except ValueError:
        said = [("", "")] if mark else []
    schema = next((value for name, value in said if name == "schema"), "public")
    kept = [pair for pair in said if pair[0] not in {"schema", *THEIR_PARAMETERS}]
    # What is unknown is refused there: it may decide how the server is spoken to.
    place = parse_server(head + ("?" + urlencode(kept, safe="/") if kept else ""), _NOWHERE)
    return place, schema


def read_litellm(
    place: PostgresPlace, schema: str, wanting: Wanting, *, most: int = MOST_ROWS
) -> Theirs:
    """Return all that is there, as it is at one moment. Raises `DatabaseFault`.

    All of it is one transaction, which the server itself lets change nothing; what is set holds for
    that transaction alone.
    """
    connection = connect_foreign(place)
    try:
        with transaction(connection, reading=True):
            connection.execute(_SETTINGS, (schema,))
            found = Theirs({}, 0, [])
            for what, table in TABLES.items():
                if _is_there(connection, table):
                    _read_table(connection, what, found, most)
            if "keys" not in found.rows:
                raise DatabaseFault(
                    f"{place} has no table {TABLES['keys']} in its schema {schema!r}: it is no"
                    " database of LiteLLM's, another schema is meant (`?schema=…`), or this user"
                    " sees none of it."
                )
            day, tokens = wanting(found)
            if tokens and _is_there(connection, _DAILY_TABLE):
                rows = connection.execute(_DAILY, (day, list(tokens)))
                found.daily = [
                    Daily(token, model, on, float(usd or 0)) for token, model, on, usd in rows
                ]
    finally:
        connection.close()
    return found


def _is_there(connection: Connection, table: str) -> bool:
    ((is_there,),) = connection.execute(_IS_THERE, (table,))
    return bool(is_there)


def _read_table(connection: Connection, what: str, found: Theirs, most: int) -> None:
    rows = connection.execute(_ROWS[what], (most + 1,)).fetchall()
    if len(rows) > most:
        raise DatabaseFault(f"The table {TABLES[what]} has more than {most:,} rows.")
    read = [row for (said,) in rows if (row := _row(said)) is not None]
    found.rows[what] = read
    if len(read) == len(rows):
        return
    if what != "keys":
        # It may limit what keys may do, and nobody could tell which.
        raise DatabaseFault(
            f"The table {TABLES[what]} has a row of more than {MOST_BYTES:,} bytes, or one whose"
            " JSON is nested too deeply or holds too large a number."
        )
    found.large = len(rows) - len(read)


def _row(said: str) -> Row | None:
    """Return a row; None where it is too large, or JSON that nobody should read."""
    if len(said) > MOST_BYTES:
        return None
    try:
        return msgspec.json.decode(said, type=Row)
    except (msgspec.DecodeError, RecursionError):
        return None
