"""Checks what may be asked for: names, patterns in which `*` is anything, groups of both."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from gateway.config.known import Known
from gateway.config.lines import Key
from gateway.config.mistakes import PATIENCE, quoted
from gateway.config.models import check_twice
from gateway.config.names import check_pattern
from gateway.config.tables import Reading
from gateway.policy.fallbacks import ANYTHING
from gateway.policy.keys import GROUP
from gateway.providers import Settings

Groups = dict[str, list[str]]

Models = Annotated[
    list[str],
    Meta(
        description="The names that may be asked for: names, patterns in which `*` is anything,"
        " and groups as `@NAME`. Without any it is all names."
    ),
]


class Naming:
    """Checks what may be asked for: names, patterns, and groups of both."""

    def __init__(self, groups: Groups, known: Known | None, reading: Reading) -> None:
        """`known` is None where names cannot be told, because a provider could not be read."""
        self._groups = groups
        self._known = known
        self._reading = reading
        self._compared = 0

    @property
    def providers(self) -> Mapping[str, Settings] | None:
        """All providers; None where they could not all be read."""
        return None if self._known is None else self._known.providers

    def check(self, said: Sequence[str], key: Key) -> None:
        """Note what means nothing, whether as a name or as a group."""
        check_twice(said, key, self._reading)
        for index, name in enumerate(said):
            if not self._is_group(name):
                self.check_name(name, (*key, index))

    def spread(self, said: Sequence[str]) -> tuple[str, ...]:
        """Return names and patterns alone, each once: a group is what it stands for."""
        found: dict[str, None] = {}
        for name in said:
            members = self._groups[name[len(GROUP) :]] if self._is_group(name) else [name]
            found |= dict.fromkeys(members)
        return tuple(found)

    def check_one(self, name: str, key: Key) -> None:
        """Note what is not the name of one model that is answered."""
        if ANYTHING in name or self._is_group(name):
            self._reading.notes.mistake(key, "must name one model, and is a pattern or a group")
        else:
            self.check_name(name, key)

    def check_name(self, name: str, key: Key) -> None:
        """Note a name that nobody answers, and warn of a pattern that means none."""
        notes, known = self._reading.notes, self._known
        try:
            check_pattern(name)
        except ValueError as error:
            notes.mistake(key, str(error))
            return
        if known is None:
            return
        if ANYTHING in name:
            # Each is compared with every name, so a list without end would take without end.
            self._compared += 1
            if self._compared <= PATIENCE and not known.meant(name):
                notes.warn(key, "no name that is answered is meant by this")
        elif name.startswith(GROUP) and not (name in known.homes or name in known.aliases):
            self._check_group(name, known, key)
        elif not known.answered(name):
            near = notes.nearest(name, known.names)
            notes.mistake(key, f"nobody answers to {quoted(name)}", near)

    def _is_group(self, name: str) -> bool:
        return name.startswith(GROUP) and name[len(GROUP) :] in self._groups

    def _check_group(self, name: str, known: Known, key: Key) -> None:
        """Note what looks like a group and is none; some providers' own names begin like one."""
        notes = self._reading.notes
        if known.answered(name):
            notes.warn(key, "no group is called this, so it is taken for the name of a model")
        elif self._groups or not notes.is_wrong(("groups",)):
            # Where groups are no table at all, that is told, and each would look forgotten.
            notes.unknown(key, name[len(GROUP) :], self._groups, "group")
