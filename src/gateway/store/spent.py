"""Says what was spent since some moments, so that budgets go on after a start. Read only."""

from collections.abc import Sequence
from typing import Final

from gateway.policy.budgets import Spent
from gateway.store.connection import Connection
from gateway.store.openings import openings_at

SECOND_NS: Final = 1_000_000_000

_WITHIN: Final = (
    'SELECT "key", team, "user", model, CAST(sum(cost_nanos) AS BIGINT) FROM calls'
    " WHERE started_at_ns >= ? AND started_at_ns < ? AND cost_nanos > 0 GROUP BY 1, 2, 3, 4"
)
_ALWAYS: Final = 2**63 - 1

_Who = tuple[str, str | None, str | None, str | None]


def spent_since(connection: Connection, moments: Sequence[int]) -> dict[int, list[Spent]]:
    """Return for each moment, in Unix seconds, what calls have cost that began then or later.

    No row is read twice, however many moments there are, and of each an index's entry alone: a
    million calls take one to two seconds. Calls that are open or have no price have cost nothing.
    What budgets had spent elsewhere is there too, for the windows that start at each. Raises
    `DatabaseFault`.
    """
    since: dict[int, list[Spent]] = {}
    together: dict[_Who, int] = {}
    until = _ALWAYS
    for moment in sorted(set(moments), reverse=True):
        begin = moment * SECOND_NS
        for *who, nanos in connection.execute(_WITHIN, (begin, until)):
            key, team, user, model = who
            together[key, team, user, model] = together.get((key, team, user, model), 0) + nanos
        elsewhere = openings_at(connection, moment)
        since[moment] = [
            *(Spent(*who, nanos) for who, nanos in together.items()),
            *(Spent("", None, None, None, nanos, name) for name, nanos in elsewhere.items()),
        ]
        until = begin
    return since
