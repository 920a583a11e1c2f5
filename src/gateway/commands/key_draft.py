"""What somebody types to make a key, as click hands it over; the rules are `config/drafts.py`'s."""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypedDict, TypeVar

import click

from gateway.commands.reading import Refused
from gateway.config.compose import Config
from gateway.config.drafts import (
    Draft,
    Terms,
    Written,
    budget_of,
    expiry_of,
    new_key,
    pair_of,
)
from gateway.config.mistakes import ConfigMistake
from gateway.policy.keys import KeyRecord
from gateway.words.caller import Limits

TERMS: Final = Terms(
    "gateway keys create",
    "NAME",
    "--team",
    "--user",
    "--model",
    "--budget",
    "--metadata",
    "--passthrough",
)

T = TypeVar("T")


def this_second() -> int:
    """Return the Unix time, in seconds."""
    return time.time_ns() // 1_000_000_000


class Wanted(TypedDict):
    """What a new key is to be, besides its name."""

    team: str | None
    user: str | None
    models: tuple[str, ...]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrency: int | None
    budgets: tuple[Written, ...]
    expires: int | None
    metadata: tuple[tuple[str, str], ...]
    passthrough: tuple[str, ...]


def expiry(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Read a date, which is its beginning in UTC, or so many days from now, into Unix time."""
    if value is None:
        return None
    try:
        return expiry_of(value, this_second())
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def pairs(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Read what is written as `name=text`."""
    return _each(pair_of, ctx, param, value)


def budgets(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[Written, ...]:
    """Read what is written as `5/day`, as `100/month:gpt-*,echo`, or as a table of the file's."""
    return _each(budget_of, ctx, param, value)


def _each(
    read: Callable[[str], T], ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[T, ...]:
    try:
        return tuple(map(read, value))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def draft(name: str, wanted: Wanted, config: Config) -> tuple[KeyRecord, Sequence[str]]:
    """Return the key without its digest, and warnings. Raises `Refused` with all that is wrong."""
    limits = Limits(
        wanted["requests_per_minute"], wanted["tokens_per_minute"], wanted["concurrency"]
    )
    said = Draft(
        team=wanted["team"],
        user=wanted["user"],
        models=tuple(wanted["models"]),
        limits=limits,
        budgets=tuple(wanted["budgets"]),
        expires=wanted["expires"],
        metadata=dict(wanted["metadata"]),
        passthrough=tuple(wanted["passthrough"]),
    )
    try:
        return new_key(name, said, config, TERMS, this_second())
    except ConfigMistake as mistake:
        raise Refused(mistake) from None
