"""What the operator can set about connections to providers."""

import msgspec


class UpstreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`upstream_ca` names a file of certificates; by default the system's trust store is used."""

    upstream_ca: str = ""
