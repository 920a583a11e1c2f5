"""A limit per minute as plainly as it can be told: a list of events, told again each time."""

from dataclasses import dataclass, field

from gateway.policy.gcra import UNIT


@dataclass(slots=True)
class Event:
    """What happened at one moment: so much was used, and from then on the limit was this."""

    when: int
    cost: int
    limit: int


@dataclass(slots=True)
class NaiveMeter:
    """Forgets nothing, so that what was used long ago can still be put right."""

    events: list[Event] = field(default_factory=list)

    def level(self, now: int) -> int:
        level = since = limit = 0
        for event in self.events:
            level = max(0, level - (event.when - since) * limit) + event.cost
            since, limit = event.when, event.limit
        return max(0, level - (now - since) * limit)

    def has_room(self, cost: int, limit: int, now: int) -> bool:
        return self.level(now) + cost <= limit * UNIT

    def note(self, now: int, cost: int, limit: int) -> Event:
        self.events.append(Event(now, cost, limit))
        return self.events[-1]

    def add(self, cost: int) -> None:
        """Use so much more, at the moment of the last event."""
        last = self.events[-1]
        self.events.append(Event(last.when, cost, last.limit))

    def excess(self) -> int:
        """Return by how much more was used than may be, in whichever span that is most.

        In a span there may be used a whole limit, and what runs off meanwhile. The limit must have
        been the same throughout.
        """
        most = 0
        for first, begin in enumerate(self.events):
            used = 0
            for event in self.events[first:]:
                used += event.cost
                allowed = (UNIT + event.when - begin.when) * event.limit
                most = max(most, used - allowed)
        return most
