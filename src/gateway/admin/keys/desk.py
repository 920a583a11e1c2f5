"""What the admin knows of keys without asking anybody: keys of the file, teams, groups, pepper.

The rules for new keys are the configuration's; it hands in who checks drafts by them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.admin.keys.forms import KeyChange, NewKey
from gateway.policy.keys import KeyRecord, Team
from gateway.words.secret import Secret


class BadDraft(Exception):
    """A key that may not be. `mistakes` says all that is wrong with it, a sentence each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = tuple(mistakes)


Drafted = tuple[KeyRecord, Sequence[str]]
"""A key, without its digest where it is new, and what should be known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDesk:
    """The configuration's part. `draft` and `redraft` raise `BadDraft`; both take Unix seconds.

    `source` names the file, `names` are the models that can be told, `address` is the base URL of
    the public listener as clients see it, empty where nobody knows it.
    """

    draft: Callable[[NewKey, int], Drafted]
    redraft: Callable[[KeyRecord, KeyChange, int], Drafted]
    source: str = ""
    keys: tuple[KeyRecord, ...] = ()
    teams: Mapping[str, Team] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    pepper: Secret | None = None
    address: str = ""
