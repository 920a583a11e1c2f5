"""What the operator can set about the admin. Its defaults suit one machine and one operator."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.words.secret import Secret
from gateway.words.units import Port


class AdminOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`/metrics` of all workers and the operator's API: a process and a listener of their own."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="The address to listen on. One that is not loopback needs a `key`.",
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, Meta(description="The port; 0 is no admin at all.")] = 4001
    key: Annotated[
        Secret | None,
        Meta(
            description="What the operator shows as `authorization: Bearer …`, at least 16"
            " characters. Without one a token is made and printed at each start."
        ),
    ] = None
