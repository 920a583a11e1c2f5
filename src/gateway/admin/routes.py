"""What a route of the operator's site is: its path, who may take it, what it takes and gives.

Who may take it is said of every route; there is no default (S11). Nothing here is of Quart.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec


class Role(StrEnum):
    """What somebody is to the site; a closed list.

    An admin may do everything, a viewer looks at everything, a developer sees what is their own.
    """

    ADMIN = "admin"
    VIEWER = "viewer"
    DEVELOPER = "developer"


Who = frozenset[Role] | None
"""Who may take a route; None is whoever reaches the port."""

OPEN: Final[Who] = None
ADMINS: Final[Who] = frozenset({Role.ADMIN})
OPERATORS: Final[Who] = frozenset({Role.ADMIN, Role.VIEWER})
ASKERS: Final[Who] = frozenset({Role.ADMIN, Role.DEVELOPER})
EVERYONE: Final[Who] = frozenset(Role)
"""Everybody who has signed in."""


class Identity(msgspec.Struct, frozen=True):
    """Who asks: the role, and a name for people; of a developer also user and team."""

    role: Role
    name: str
    user: str | None = None
    team: str | None = None


class Refusal(Exception):
    """What is told in place of an answer: a status, a code for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a route: who asks, the query and the body as the route's types, the path."""

    who: Identity
    asked: Any = None
    said: Any = None
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """A page to be made of a template; `status` is that of the answer."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)
    status: int = 200


View = Callable[[Visit], Awaitable[object]]
"""Returns a `Page`, a response of Quart's, or what is written as JSON."""


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the site. `who` may take it.

    `asks` is a struct of the query, `takes` of a JSON body, `gives` the type of a JSON answer,
    `summary` what the API's description says; `kind` is the media type of an answer that is neither
    JSON nor a page. A part `<name>` of the path is handed over in `Visit.ids`.
    """

    method: str
    path: str
    view: View
    who: Who
    summary: str = ""
    asks: type[msgspec.Struct] | None = None
    takes: type[msgspec.Struct] | None = None
    gives: Any = None
    kind: str = ""

    @property
    def is_api(self) -> bool:
        """Whether programs ask here: errors are JSON then."""
        return self.path.startswith("/api/")


Routes = Sequence[Route]
