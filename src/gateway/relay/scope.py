"""Who may share something with whom: answers that are kept, things that a provider keeps."""

from gateway.words.caller import Caller


def scope_of(caller: Caller) -> bytes:
    """Return who may share an answer with this caller: its team, or its key alone (S12)."""
    if caller.team is not None:
        return b"team " + caller.team.encode()
    # A key id is short enough to be met by chance or by trying: the name stands beside it.
    return b"key " + caller.key_id.encode() + b" " + caller.key.encode()
