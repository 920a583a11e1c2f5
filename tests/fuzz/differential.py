"""Mutated requests, read by the house and by the rulebook; and no doubt may be left between them.

A seed is a request for ever. What the house takes must be what h11 sees and the rules allow,
request by request; what it refuses although both would let it pass is counted, and must have a
known reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from tests.fuzz.mutations import mutated
from tests.fuzz.requests import Reading, read_by_house
from tests.fuzz.rulebook import read_by_rules

STRICTER = {
    "Malformed HTTP: Request has invalid `Transfer-Encoding`": "a tab behind 'chunked'",
    "Malformed chunked body: Invalid character in chunk ext": "an extension that is none",
}
"""Where llhttp refuses what h11 and the rules would take, by the words of the refusal."""


Reader = Callable[[bytes], Reading]


class Disagreement(AssertionError):
    """Bytes that the two read differently."""


def compare(data: bytes, house: Reader = read_by_house) -> str:
    """Read bytes in both ways; say how that went. Raises `Disagreement`."""
    ours, theirs = house(data), read_by_rules(data)
    if ours.requests == theirs.requests:
        taken = "taken" if ours.requests else "not taken"
        return f"{taken}, then refused" if ours.refusal else taken
    count = len(ours.requests)
    if ours.refusal and ours.requests == theirs.requests[:count]:
        reason = next((STRICTER[words] for words in STRICTER if words in ours.refusal), None)
        if reason is not None:
            return f"refused: {reason}"
    raise Disagreement(f"{data!r}\nthe house: {ours}\nthe rules: {theirs}")


def run(seeds: Iterable[int], house: Reader = read_by_house) -> Counter[str]:
    """Compare the requests of these seeds; count how it went. Raises `Disagreement`."""
    told: Counter[str] = Counter()
    for seed in seeds:
        try:
            told[compare(mutated(seed), house)] += 1
        except AssertionError as error:
            again = f"python -m tests.fuzz differential --first {seed} --count 1"
            raise Disagreement(f"{again}\n{error}") from error
    return told
