"""Which of several homes or keys a conversation belongs to: the same one everywhere. Pure.

Rendezvous hashing: each name is weighed together with the conversation, the heaviest wins. Every
process and machine comes to the same answer without asking another, and one name more moves only
the conversations that it wins itself.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

SCORE_BYTES = 8

KEPT_NAMES = 4096
"""A hash that has read its name already is three times as quick; so many names are kept."""


def rendezvous(thread: bytes, names: Sequence[str]) -> list[int]:
    """Return the positions of these names, that which the conversation belongs to first."""
    scores = []
    for name in names:
        score = _begun(name).copy()
        score.update(thread)
        scores.append(score.digest())
    if len(scores) == 2:  # the usual case, without the price of a sort
        return [0, 1] if scores[0] >= scores[1] else [1, 0]
    return sorted(range(len(scores)), key=scores.__getitem__, reverse=True)


@lru_cache(maxsize=KEPT_NAMES)
def _begun(name: str) -> blake2b:
    return blake2b(name.encode("utf-8", "surrogatepass") + b"\0", digest_size=SCORE_BYTES)
