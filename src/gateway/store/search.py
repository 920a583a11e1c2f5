"""Finds calls in the ledger, the newest first, a page at a time. Read only.

Each question is one of four, which differ by the index that they are answered from; whatever else
is wanted is looked for on the way. Nothing of a text from outside is a pattern (S19).
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.store.connection import Connection, RowRefused
from gateway.store.rows import COLUMNS
from gateway.store.usage import OPEN

MOST_FOUND: Final = 100
"""Calls on one page."""

MOST_ALIKE: Final = 1_000
"""Calls that are looked at whose request ids begin as wanted."""

MOST_NAMESAKES: Final = 20
"""Calls of one request id that are told: clients choose ids, so they may repeat."""

_ALWAYS: Final = 2**62
_LAST_SIGN: Final = "\U0010ffff"
"""Behind this no text goes on that begins with what stands before it."""

_NAMES: Final = ", ".join(f'"{name}"' for name in ("id", *COLUMNS))
_OF_USER: Final = "coalesce(\"user\", '') = coalesce(?, \"user\", '')"
_WANTED: Final = (
    "started_at_ns BETWEEN ? AND ? AND (started_at_ns, id) < (?, ?)"
    # What is not wanted is NULL, and a call without a team is one of the team ''.
    " AND coalesce(team, '') = coalesce(?, team, '')"
    f" AND {_OF_USER}"
    " AND coalesce(model, '') = coalesce(?, model, '')"
    " AND coalesce(target, '') = coalesce(?, target, '')"
    f" AND coalesce(outcome, '{OPEN}') = coalesce(?, outcome, '{OPEN}')"
)
_ALIKE: Final = "FROM calls WHERE request_id BETWEEN ? AND ? ORDER BY request_id LIMIT ?"


def _question(source: str, where: str) -> str:
    # From the texts in this file and the names in `rows.py` alone.
    order = "ORDER BY started_at_ns DESC, id DESC LIMIT ?"
    return f"SELECT {_NAMES} FROM {source} WHERE {where} {order}"  # noqa: S608


_OF_ALL: Final = _question("calls", _WANTED)
_OF_KEY: Final = _question("calls", f'"key" = ? AND {_WANTED}')
_OF_REQUEST: Final = _question(
    f"(SELECT * {_ALIKE}) AS calls", f'"key" = coalesce(?, "key") AND {_WANTED}'
)
# The index of times holds users, and those of others are passed over in it.
_OF_USERS_REQUEST: Final = _question(
    "calls", f'request_id || \'\' BETWEEN ? AND ? AND "key" = coalesce(?, "key") AND {_WANTED}'
)
_COUNT_ALIKE: Final = f"SELECT count(*) FROM (SELECT id {_ALIKE}) AS alike"  # noqa: S608
_ONE: Final = _question("calls", "id = ?")
_NAMESAKES: Final = _question("calls", f"request_id = ? AND {_OF_USER}")
_STARTED: Final = f"SELECT started_at_ns FROM calls WHERE id = ? AND {_OF_USER}"  # noqa: S608


class Try(msgspec.Struct, frozen=True):
    """An attempt as a row tells it; rows of earlier versions do not say when it began (`at_ms`)."""

    target: str = ""
    outcome: str = ""
    at_ms: float | None = None
    ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_nanos: int | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the ledger has it (see `store.rows` for the columns); `outcome` is open or an end.

    Its `id` is a text: programs that know no whole numbers of this size would round it.
    """

    id: str
    started_at_ns: int
    key: str
    team: str | None
    model: str | None
    target: str | None
    outcome: str
    tokens_in: int | None
    tokens_out: int | None
    cached_tokens: int | None
    cost_nanos: int | None
    ended_at_ns: int | None
    request_id: str
    key_id: str
    user: str | None
    endpoint: str
    answered_by: str | None
    stream: bool
    phase: str | None
    cause: str | None
    status: int | None
    reasoning_tokens: int | None
    usage_quality: str | None
    ttft_ms: float | None
    duration_ms: float | None
    attempts: tuple[Try, ...]
    lost_tokens_in: int
    cache: str | None
    shared_with: str | None
    tags: tuple[str, ...]
    session: str | None
    client: str | None
    drained: bool
    asked: str | None
    cache_write_tokens: int | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are looked for; None is any. Times are Unix time in nanoseconds, both included.

    `key` and the like are exact names, '' is none; `request` is how a request id begins. `before`
    is the id of a call: those that are older come. With a `user`, nothing that is returned tells
    whether others have any calls.
    """

    key: str | None = None
    team: str | None = None
    user: str | None = None
    model: str | None = None
    target: str | None = None
    outcome: str | None = None
    since_ns: int = 0
    until_ns: int = _ALWAYS
    request: str = ""
    before: int | None = None
    most: int = MOST_FOUND


class Found(msgspec.Struct, frozen=True):
    """A page of calls. `older` is what to look before for the next one, None where there is none.

    `too_many` says that not all were looked at whose request ids begin as wanted.
    """

    calls: tuple[Entry, ...] = ()
    older: int | None = None
    too_many: bool = False


_TRIES: Final = msgspec.json.Decoder(tuple[Try, ...])
_TAGS: Final = msgspec.json.Decoder(tuple[str, ...])


def search(connection: Connection, wanted: Wanted) -> Found:
    """Return the calls that are wanted, the newest first. Raises `DatabaseFault`.

    Of a million calls it takes milliseconds by key, by request id or by what is frequent, and less
    than a second where none is found.
    """
    try:
        return _searched(connection, wanted)
    except RowRefused:  # What no column can hold is in no row.
        return Found()


def _searched(connection: Connection, wanted: Wanted) -> Found:
    before = _moment_of(connection, wanted.before, wanted.user)
    if before is None:
        return Found()
    most = max(1, min(wanted.most, MOST_FOUND))
    rest = (
        *(wanted.since_ns, wanted.until_ns, *before),
        *(wanted.team, wanted.user, wanted.model, wanted.target, wanted.outcome),
        most + 1,
    )
    too_many = False
    alike = (wanted.request, wanted.request + _LAST_SIGN)
    if wanted.request and wanted.user is not None:
        rows = connection.execute(_OF_USERS_REQUEST, (*alike, wanted.key, *rest))
    elif wanted.request:
        ((number,),) = connection.execute(_COUNT_ALIKE, (*alike, MOST_ALIKE + 1))
        too_many = number > MOST_ALIKE
        rows = connection.execute(_OF_REQUEST, (*alike, MOST_ALIKE, wanted.key, *rest))
    elif wanted.key is not None:
        rows = connection.execute(_OF_KEY, (wanted.key, *rest))
    else:
        rows = connection.execute(_OF_ALL, rest)
    found = [_entry(row) for row in rows]
    older = int(found[most - 1].id) if len(found) > most else None
    return Found(tuple(found[:most]), older, too_many)


def _moment_of(
    connection: Connection, call: int | None, user: str | None
) -> tuple[int, int] | None:
    """Return the place of a call in the order of all; None where this user has no such call."""
    if call is None:
        return _ALWAYS, _ALWAYS
    row = connection.execute(_STARTED, (call, user)).fetchone()
    return None if row is None else (row[0], call)


def call_of(connection: Connection, call: int) -> Entry | None:
    """Return one call by its number in the ledger. Raises `DatabaseFault`."""
    try:
        row = connection.execute(_ONE, (call, 1)).fetchone()
    except RowRefused:
        return None
    return None if row is None else _entry(row)


def calls_of(connection: Connection, request_id: str, user: str | None = None) -> tuple[Entry, ...]:
    """Return the calls of one request id, of one user where one is given, the newest first.

    Raises `DatabaseFault`.
    """
    try:
        rows = connection.execute(_NAMESAKES, (request_id, user, MOST_NAMESAKES))
    except RowRefused:
        return ()
    return tuple(_entry(row) for row in rows)


def _entry(row: Sequence[Any]) -> Entry:
    """Return a row as what it says; of attempts and tags that cannot be read, none."""
    said = dict(zip(COLUMNS, row[1:], strict=True))
    return Entry(
        **{
            **said,
            "id": str(row[0]),
            "outcome": said["outcome"] or OPEN,
            "stream": bool(said["stream"]),
            "drained": bool(said["drained"]),
            "attempts": _read(_TRIES, said["attempts"]),
            "tags": _read(_TAGS, said["tags"]),
        }
    )


def _read(decoder: Any, text: str) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return ()
