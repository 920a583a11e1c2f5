"""What Azure's filters found in a prompt, told with the first words of an answer. Pure.

Azure tells it in an event of its own, before there is any choice, and clients that look at the
first choice of every event stumble over that. So it travels with the event that follows.
"""

from typing import Final

import msgspec
from msgspec import Raw

RESULTS: Final = b'"prompt_filter_results"'


class _Found(msgspec.Struct, gc=False):
    prompt_filter_results: Raw = Raw(b"null")


_decode = msgspec.json.Decoder(_Found).decode


def results_in(data: bytes) -> bytes | None:
    """Return what the filters found, as it stands in an event's data; None where they say nothing.

    `data` is JSON already.
    """
    if RESULTS not in data:
        return None
    try:
        found = bytes(_decode(data).prompt_filter_results)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if found == b"null" else found


def with_results(data: bytes, results: bytes) -> bytes:
    """Return the event of a chunk with what the filters found; `data` is an object with fields."""
    whole = data.rstrip(b" \t\r\n").removesuffix(b"}")
    if RESULTS not in data:
        whole += b"," + RESULTS + b":" + results
    # Whatever ends a line in JSON stands between its words, never in them.
    return b"data: %b}\n\n" % whole.replace(b"\n", b" ")
