"""What the operator can set about connections to providers."""

from typing import Annotated

import msgspec
from msgspec import Meta


class UpstreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`upstream_ca` names a file of certificates; by default the system's trust store is used."""

    upstream_ca: Annotated[
        str,
        Meta(
            description="A file of certificates to trust, PEM; by default the system's trust store."
        ),
    ] = ""
