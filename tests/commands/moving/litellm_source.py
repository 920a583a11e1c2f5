"""A database as LiteLLM's versions lay it out, in as much as matters here; and rows in it.

The columns are those of its schema (`schema.prisma`), rewritten as facts.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from itertools import count

import psycopg
from psycopg import sql

from tests.store.real_postgres import OWNER, RealPostgres

TABLES = {
    "LiteLLM_BudgetTable": """
        budget_id text PRIMARY KEY, max_budget double precision, soft_budget double precision,
        max_parallel_requests integer, tpm_limit bigint, rpm_limit bigint, model_max_budget jsonb,
        budget_duration text, budget_reset_at timestamp(3), created_by text DEFAULT ''
    """,
    "LiteLLM_TeamTable": """
        team_id text PRIMARY KEY, team_alias text, organization_id text, admins text[],
        members text[], members_with_roles jsonb DEFAULT '{}', metadata jsonb DEFAULT '{}',
        max_budget double precision, soft_budget double precision,
        spend double precision DEFAULT 0, models text[], max_parallel_requests integer,
        tpm_limit bigint, rpm_limit bigint, budget_duration text, budget_reset_at timestamp(3),
        blocked boolean DEFAULT false, created_at timestamp(3) DEFAULT now(),
        model_spend jsonb DEFAULT '{}', model_max_budget jsonb DEFAULT '{}', model_id integer
    """,
    "LiteLLM_UserTable": """
        user_id text PRIMARY KEY, user_alias text, teams text[] DEFAULT '{}', password text,
        user_role text, max_budget double precision, spend double precision DEFAULT 0,
        user_email text, models text[], metadata jsonb DEFAULT '{}',
        max_parallel_requests integer, tpm_limit bigint, rpm_limit bigint, budget_duration text,
        budget_reset_at timestamp(3), model_max_budget jsonb DEFAULT '{}'
    """,
    "LiteLLM_VerificationToken": """
        token text PRIMARY KEY, key_name text, key_alias text,
        soft_budget_cooldown boolean DEFAULT false, spend double precision DEFAULT 0,
        expires timestamp(3), models text[], aliases jsonb DEFAULT '{}',
        config jsonb DEFAULT '{}', user_id text, team_id text, permissions jsonb DEFAULT '{}',
        max_parallel_requests integer, metadata jsonb DEFAULT '{}', blocked boolean,
        tpm_limit bigint, rpm_limit bigint, max_budget double precision, budget_duration text,
        budget_reset_at timestamp(3), allowed_cache_controls text[] DEFAULT '{}',
        allowed_routes text[] DEFAULT '{}', model_spend jsonb DEFAULT '{}',
        model_max_budget jsonb DEFAULT '{}', budget_id text, organization_id text,
        object_permission_id text, created_at timestamp(3) DEFAULT now(), budget_limits jsonb,
        project_id text
    """,
    "LiteLLM_DeprecatedVerificationToken": """
        id text, token text PRIMARY KEY, active_token_id text, revoke_at timestamp(3)
    """,
    "LiteLLM_TeamMembership": """
        user_id text, team_id text, spend double precision DEFAULT 0, budget_id text,
        PRIMARY KEY (user_id, team_id)
    """,
    "LiteLLM_OrganizationTable": """
        organization_id text PRIMARY KEY, organization_alias text, budget_id text, models text[]
    """,
    "LiteLLM_EndUserTable": """
        user_id text PRIMARY KEY, alias text, spend double precision DEFAULT 0, budget_id text,
        blocked boolean DEFAULT false
    """,
    "LiteLLM_ProxyModelTable": """
        model_id text PRIMARY KEY, model_name text, litellm_params jsonb, model_info jsonb
    """,
    "LiteLLM_DailyUserSpend": """
        id text PRIMARY KEY, user_id text, date text, api_key text, model text, model_group text,
        spend double precision DEFAULT 0
    """,
}
"""A version of the year 2026, with the tables that are read."""

OLD = {
    "LiteLLM_VerificationToken": """
        token text PRIMARY KEY, key_name text, key_alias text, spend double precision DEFAULT 0,
        expires timestamp(3), models text[], aliases jsonb, config jsonb, user_id text,
        team_id text, max_parallel_requests integer, metadata jsonb, tpm_limit bigint,
        rpm_limit bigint, max_budget double precision, budget_duration text,
        budget_reset_at timestamp(3)
    """,
}
"""A version of 2023, which had keys and little else."""


NUMBERS = count()


def hash_of(secret: str) -> str:
    """Return what LiteLLM keeps of a secret."""
    return sha256(secret.encode()).hexdigest()


class Litellm:
    """A database of LiteLLM's on a real server."""

    def __init__(
        self, server: RealPostgres, tables: Mapping[str, str] = TABLES, schema: str = ""
    ) -> None:
        """Make a schema of its own; all lie in one database, which takes long to make."""
        self.server = server
        self.name = database_of(server)
        self.schema = schema or f"litellm_{next(NUMBERS)}"
        self._shown = self.schema.replace('"', '""')
        self.tables = tuple(tables)
        with self._line() as line:
            line.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema)))
            for table, columns in tables.items():
                line.execute(f'CREATE TABLE "{self._shown}"."{table}" ({columns})'.encode())

    @property
    def url(self) -> str:
        """Say where it is as LiteLLM's DATABASE_URL does."""
        return f"{self.server.url(self.name)}&connection_limit=10&schema={self.schema}"

    def add(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Put rows into a table; what is a dict is JSON."""
        with self._line() as line, line.cursor() as cursor:
            for row in rows:
                names = sql.SQL(", ").join(map(sql.Identifier, row))
                marks = sql.SQL(", ").join([sql.Placeholder()] * len(row))
                cursor.execute(
                    sql.SQL("INSERT INTO {}.{} ({}) VALUES ({})").format(
                        sql.Identifier(self.schema),
                        sql.Identifier(f"LiteLLM_{table}"),
                        names,
                        marks,
                    ),
                    [json.dumps(each) if isinstance(each, dict) else each for each in row.values()],
                )

    def keys(self, *rows: Mapping[str, object]) -> None:
        """Add keys by their secrets: `{"secret": "sk-…", …}`."""
        self.add(
            "VerificationToken",
            [{"token": hash_of(str(row["secret"])), **without(row, "secret")} for row in rows],
        )

    def everything(self) -> list[tuple[object, ...]]:
        """Return all that is in it, to see that nothing has changed."""
        found = []
        for table in self.tables:
            asked = f'SELECT to_jsonb(t)::text FROM "{self._shown}"."{table}" AS t ORDER BY 1'
            found += self.server.say(asked, database=self.name)
        return found

    def _line(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.server.folder), user=OWNER, dbname=self.name, autocommit=True
        )


@cache
def database_of(server: RealPostgres) -> str:
    """Return the database of all these schemas."""
    return server.create()


def without(row: Mapping[str, object], name: str) -> dict[str, object]:
    return {each: value for each, value in row.items() if each != name}
