"""Stock Hypercorn changes to HTTP/2 where it is told to; ours does not."""

from types import SimpleNamespace
from typing import Any

import h11
import pytest
from hypercorn import protocol
from hypercorn.protocol.h11 import H2ProtocolAssumedError, H11Protocol

from gateway.admin.http1 import Http1Protocol, speak_http_1_1_alone

PREFACE = h11.Request(method=b"PRI", target=b"*", headers=[(b"host", b"a")], http_version=b"2.0")


async def test_r19_stock_hypercorn_changes_to_http_2_and_ours_does_not() -> None:
    """R19. Where the first half fails, Hypercorn has learnt it, and `http1.py` may go."""
    connection: Any = SimpleNamespace(connection=SimpleNamespace(trailing_data=(b"SM", False)))
    with pytest.raises(H2ProtocolAssumedError):
        await H11Protocol._check_protocol(connection, PREFACE)
    await Http1Protocol._check_protocol(connection, PREFACE)


def test_every_connection_is_made_with_ours() -> None:
    before = vars(protocol)["H11Protocol"]
    assert before is H11Protocol
    try:
        speak_http_1_1_alone()
        assert vars(protocol)["H11Protocol"] is Http1Protocol
    finally:
        vars(protocol)["H11Protocol"] = before
