"""Texts that are looked at whole, and cut anywhere."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from gateway.policy.guards.channel import Channel
from gateway.policy.guards.detector import Detector, Found
from gateway.policy.guards.guard import Guard, Rule, Then


def guard(*detectors: Detector, then: Then = "redact", name: str = "g") -> Guard:
    return Guard(
        name, then, rules=tuple(Rule(each, f"[{at}]") for at, each in enumerate(detectors))
    )


def spans(detector: Detector, text: str, begin: int = 0) -> list[str]:
    """Return the texts that are found."""
    return [text[found.begin : found.end] for found in detector.find(text, begin)]


def found(detector: Detector, text: str) -> list[Found]:
    return list(detector.find(text, 0))


def told(
    guards: Sequence[Guard], text: str, cuts: Iterable[int] = (), *, json: bool = False
) -> tuple[str, set[str], int]:
    """Return what is told of a text that comes in parts, which guards have found something, and
    how many characters waited at most.
    """
    hits: set[str] = set()
    channel = Channel(guards, lambda each: hits.add(each.name), json=json)
    parts = [text[begin:end] for begin, end in _pairs([0, *sorted(cuts), len(text)])]
    waiting: list[tuple[str, int]] = []
    said, most = "", 0
    for part in parts:
        for _ in channel.feed(part):
            pass
        waiting.append((part, channel.length))
        most = max(most, channel.length - channel.settled)
        while waiting and waiting[0][1] <= channel.settled:
            said += channel.take(waiting.pop(0)[0])
    channel.close()
    return said + "".join([channel.take(part) for part, _ in waiting]), hits, most


def _pairs(places: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise(places))
