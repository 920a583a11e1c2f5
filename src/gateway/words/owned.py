"""Whose something is that a provider keeps for a caller: a file, a batch, a response."""

from typing import NamedTuple


class Owned(NamedTuple):
    """Who had an object made, and where it is.

    `scope` is the caller's team, or the caller alone (see `relay.scope.scope_of`); `kind` says
    what it is: `file`, `response`, ….
    """

    kind: str
    provider: str
    scope: bytes
