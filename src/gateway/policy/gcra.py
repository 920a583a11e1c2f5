"""How much of a limit per minute is in use: the generic cell rate algorithm, exact. Pure.

What is used runs off evenly, a whole limit in a minute, and as much may be used at once as the
limit leaves: the burst is the limit. So what is used from one moment to another is never more than

    limit + limit * (seconds between them) / 60

and after a minute of rest the whole limit is there again. A level counts in parts of a token (or a
request), `UNIT` of them to one: in a microsecond there run off as many as the limit has tokens. All
numbers are whole, whatever the limit, and nothing is ever rounded but what is told to people. The
shared store counts in the same parts (`store/lua`), in numbers that are whole up to 2 ** 53.

A reservation may turn out to have been too large. What is given back then is what the level would
now be lower by, had less been reserved: no more, or a call that is held open long enough would have
its tokens back from a minute that is over. `Reserves` knows how much that is.
"""

from typing import Final

UNIT: Final = 60_000_000
"""Parts of a token or request, and microseconds of a minute."""


def wait_of(level: int, cost: int, limit: int) -> int | None:
    """Return after how long so much may be used; None is never, with the limit as it is."""
    excess = level + cost - limit * UNIT
    if excess <= 0:
        return 0
    if limit <= 0 or cost > limit * UNIT:
        return None
    return -(-excess // limit)


class Meter:
    """A level that runs off, under a limit. Times are microseconds, levels and costs are parts."""

    __slots__ = ("level", "limit", "since")

    def __init__(self, limit: int, now: int) -> None:
        self.limit = limit
        self.level = 0
        self.since = now

    def at(self, limit: int, now: int) -> None:
        """Let run off what has by now, as the limit was; from now on the limit is this one."""
        passed = now - self.since
        if passed > 0:
            self.since = now
            if self.level:
                self._run_off(min(self.level, passed * self.limit))
        self.limit = limit

    def use(self, cost: int) -> None:
        """Take so much; whoever may not take it does not ask here."""
        self.level += cost

    def level_at(self, now: int) -> int:
        """Return what the level has run off to by now."""
        return max(0, self.level - max(0, now - self.since) * self.limit)

    def _run_off(self, amount: int) -> None:
        self.level -= amount


class Part:
    """A part of a level: what is left of some reservations, each of which may go back to here.

    Parts lie on one another in the order in which they were reserved. One that is used up sinks
    `into` the one below; the lowest cannot, and is empty where the level is.
    """

    __slots__ = ("above", "below", "holders", "into", "left")

    def __init__(self, below: "Part | None") -> None:
        self.left = 0
        self.holders = 0
        """How many reservations are open."""
        self.below = below
        self.above: Part | None = None
        self.into: Part | None = None


class Reserves(Meter):
    """A meter whose uses are reservations, each of which may be lessened while it is open.

    The level runs off from the newest part down, and a reservation gives back of its own part and
    then of older ones. So it gives back what is not more than the level has been at any moment
    since, which is just what the level would be lower by. Of newer parts it gives back nothing.
    There is never more than one part beyond those of open reservations.
    """

    __slots__ = ("_top",)

    def __init__(self, limit: int, now: int) -> None:
        super().__init__(limit, now)
        self._top = Part(None)

    def use(self, cost: int) -> None:
        """Take so much for good."""
        self._free_top().left += cost
        self.level += cost

    def reserve(self, cost: int) -> Part:
        """Take so much until it is known how much it is; `close` is to follow."""
        part = self._free_top()
        part.left += cost
        part.holders += 1
        self.level += cost
        return part

    def give_back(self, reserved: Part, amount: int) -> None:
        """Lessen a reservation, by no more than it was made for."""
        part = reserved if reserved.into is None else _place_of(reserved)
        while amount >= part.left and part.below is not None:
            amount -= part.left
            self.level -= part.left
            part = self._sink(part, part.below)
        given = min(amount, part.left)
        part.left -= given
        self.level -= given

    def close(self, reserved: Part) -> None:
        """End a reservation: what is left of it stays, and is a matter of those that came after."""
        part = reserved if reserved.into is None else _place_of(reserved)
        part.holders -= 1
        above, below = part.above, part.below
        if part.holders or above is None:
            return
        above.left += part.left
        above.below = below
        if below is not None:
            below.above = above
        part.above = part.below = None

    def _run_off(self, amount: int) -> None:
        self.level -= amount
        top = self._top
        while amount >= top.left and top.below is not None:
            amount -= top.left
            top = self._sink(top, top.below)
        top.left -= amount

    def _free_top(self) -> Part:
        """Return a part that nobody holds, above all others."""
        top = self._top
        if top.holders:
            self._top = top.above = Part(top)
        return self._top

    def _sink(self, part: Part, below: Part) -> Part:
        """Let a part whose all is gone go into the one below, and return that."""
        above = part.above
        below.holders += part.holders
        below.above = above
        if above is None:
            self._top = below
        else:
            above.below = below
        part.into = below
        part.above = part.below = None
        return below


def _place_of(part: Part) -> Part:
    """Find where a part has sunk to, and shorten the way there."""
    place = part
    while place.into is not None:
        place = place.into
    while part.into is not None:
        part.into, part = place, part.into
    return place
