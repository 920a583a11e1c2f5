"""What an answer says of how it came about, in header fields of the gateway's own."""

import trio

from gateway.forms.text import one_line
from gateway.words.client import Header
from gateway.words.receipt import Receipt

MAX_BYTES = 2_048
"""Of the list of attempts; a longer one is cut."""


def account_of(receipt: Receipt) -> tuple[Header, ...]:
    """Return the fields.

    `x-gateway-attempts` lists target;outcome;milliseconds of each try, `x-gateway-cache` says
    `hit`, `miss` or `shared` where answers are kept or shared, `x-gateway-dropped` names the fields
    of the request that the provider could not be told.
    """
    fields: tuple[Header, ...] = ()
    if receipt.attempts:
        tried = receipt.tried(trio.current_time()).encode("ascii", "replace")
        fields = ((b"x-gateway-attempts", tried[:MAX_BYTES]),)
    if receipt.cache is not None:
        fields = (*fields, (b"x-gateway-cache", receipt.cache.encode()))
    if receipt.dropped:
        # A client may have given its fields any name.
        names = one_line(", ".join(receipt.dropped), MAX_BYTES).encode("ascii", "replace")
        fields = (*fields, (b"x-gateway-dropped", names))
    return fields
