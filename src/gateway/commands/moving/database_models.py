"""What LiteLLM's keys and teams may ask for, in the names that are answered here. Pure.

A name that nobody answers becomes a group of this name, with the models that LiteLLM says are in
it, if it is one of its access groups. So a list never becomes empty, which would mean all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gateway.config.compose import Config
from gateway.config.known import Known
from gateway.config.names import check_pattern
from gateway.policy.fallbacks import ANYTHING
from gateway.policy.keys import GROUP

ALL: Final = frozenset({"all-proxy-models", "all-team-models", ANYTHING})
NONE: Final = "no-default-models"


class Models:
    """Finds names that are answered here, and groups for those that are not."""

    def __init__(self, config: Config, access: Mapping[str, Sequence[str]]) -> None:
        """`access` holds what is in each access group, as far as the source knows."""
        self._known = Known(config.providers, config.models)
        self._here = config.groups
        self._access = access
        self.groups: dict[str, list[str]] = {}
        """Those that are to be made."""
        self.left: dict[str, None] = {}
        """What can be no name here."""

    def of(self, said: Iterable[str] | None) -> tuple[str, ...] | None:
        """Return what may be asked for, empty for all; None where it is nothing at all."""
        names = list(dict.fromkeys(said or ()))
        if not names or not ALL.isdisjoint(names):
            return ()
        found = dict.fromkeys(filter(None, map(self._named, names)))
        return tuple(found) or None

    def answers(self, name: str) -> bool:
        """Say whether this is the name of a model here."""
        return self._known.answered(name)

    def _named(self, name: str) -> str:
        """Return what a name is here; nothing where it can be no name."""
        if name == NONE:
            return ""
        if not _is_name(name):
            self.left[name] = None
            return ""
        if ANYTHING in name or self.answers(name):
            return name
        if name.startswith(GROUP):
            self.left[name] = None
            return ""
        if name not in self._here and name not in self.groups:
            self.groups[name] = [each for each in self._access.get(name, ()) if self.answers(each)]
        return GROUP + name


def _is_name(name: str) -> bool:
    try:
        check_pattern(name)
    except ValueError:
        return False
    return True


def met(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return what both allow; None where that is nothing."""
    if not one or not other:
        return one or other
    return tuple(name for name in one if name in other) or None


def access_groups(models: Iterable[Mapping[str, object]]) -> dict[str, list[str]]:
    """Return which models LiteLLM has in each of its access groups, of those in its database."""
    found: dict[str, list[str]] = {}
    for row in models:
        info, name = row.get("model_info"), row.get("model_name")
        groups = info.get("access_groups") if isinstance(info, dict) else None
        for group in groups if isinstance(groups, list) else ():
            if isinstance(group, str) and isinstance(name, str):
                found.setdefault(group, []).append(name)
    return {group: list(dict.fromkeys(names)) for group, names in found.items()}
