"""How a fuzzer's bytes are shared out: a few of them say how the others arrive."""

import re
from random import Random

MOST = 6
"""Cuts of one input."""

MOST_SINGLE = 2000
"""Bytes that are cut into single ones; of more, the parts are longer."""


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def has_no_controls(text: str) -> bool:
    """Say whether a text may stand in a line for people."""
    return _CONTROL.search(text) is None


def head_off(data: bytes, count: int = 1) -> tuple[int, bytes]:
    """Return a number made of the first bytes, and the rest."""
    return int.from_bytes(data[:count]), data[count:]


def cut(data: bytes, seed: int) -> list[bytes]:
    """Cut bytes into parts as the seed says: 0 leaves them whole, 1 makes single bytes of them."""
    if seed == 0:
        return [data] if data else []
    if seed == 1:
        size = 1 + len(data) // MOST_SINGLE
        return [data[at : at + size] for at in range(0, len(data), size)]
    random = Random(seed)
    edges = sorted(random.randint(0, len(data)) for _ in range(random.randint(1, MOST)))
    parts = [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)]
    return [part for part in parts if part]
