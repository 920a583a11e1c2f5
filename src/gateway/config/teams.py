"""Reads `[groups]` and `[teams.NAME]`: names of models under one name, and what teams may do."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.config.known import Known
from gateway.config.lines import Key
from gateway.config.mistakes import PATIENCE, quoted
from gateway.config.models import check_twice
from gateway.config.names import check_name, check_pattern
from gateway.config.tables import Reading, read_table, read_value
from gateway.policy.fallbacks import ANYTHING
from gateway.policy.keys import GROUP, Team
from gateway.words.caller import Limits

Groups = dict[str, list[str]]

Number = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]

Models = Annotated[
    list[str],
    Meta(
        description="The names that may be asked for: names, patterns in which `*` is anything,"
        " and groups as `@NAME`. Without any it is all names."
    ),
]


class LimitOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much may be asked. What is not set is without a limit."""

    requests_per_minute: Annotated[Number | None, Meta(description="Calls within a minute.")] = None
    tokens_per_minute: Annotated[
        Number | None, Meta(description="Tokens within a minute, of prompts and of answers.")
    ] = None
    concurrency: Annotated[Number | None, Meta(description="Calls that are open at one time.")] = (
        None
    )


class TeamOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds for all keys of a team together, besides what each key says of itself."""

    models: Models = msgspec.field(default_factory=list)
    limits: Annotated[
        LimitOptions, Meta(description="How much all keys of the team may ask for, together.")
    ] = LimitOptions()


class Naming:
    """Checks what may be asked for: names, patterns, and groups of both."""

    def __init__(self, groups: Groups, known: Known | None, reading: Reading) -> None:
        """`known` is None where names cannot be told, because a provider could not be read."""
        self._groups = groups
        self._known = known
        self._reading = reading
        self._compared = 0

    def check(self, said: Sequence[str], key: Key) -> None:
        """Note what means nothing, whether as a name or as a group."""
        check_twice(said, key, self._reading)
        for index, name in enumerate(said):
            if not name.startswith(GROUP) or name[len(GROUP) :] not in self._groups:
                self.check_name(name, (*key, index))

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

    def _check_group(self, name: str, known: Known, key: Key) -> None:
        """Note what looks like a group and is none; some providers' own names begin like one."""
        notes = self._reading.notes
        if known.answered(name):
            notes.warn(key, "no group is called this, so it is taken for the name of a model")
        elif self._groups or not notes.is_wrong(("groups",)):
            # Where groups are no table at all, that is told, and each would look forgotten.
            notes.unknown(key, name[len(GROUP) :], self._groups, "group")


def read_groups(table: Mapping[str, object], reading: Reading) -> Groups:
    """Read what each group stands for, in the file's order."""
    found: Groups = {}
    for name, value in table.items():
        key: Key = ("groups", name)
        checked_name(name, key, reading)
        if name.startswith(GROUP) or ANYTHING in name:
            text = f"a group's own name has no {GROUP} in front, and no {ANYTHING}"
            reading.notes.mistake(key, text)
        said = read_value(list[str], value, key, reading)
        found[name] = said if isinstance(said, list) else []
    return found


def check_groups(groups: Groups, naming: Naming, reading: Reading) -> None:
    """Note what stands in a group and is no name; a group holds no other group."""
    for group, names in groups.items():
        key: Key = ("groups", group)
        check_twice(names, key, reading)
        for index, name in enumerate(names):
            if name.startswith(GROUP) and name[len(GROUP) :] in groups:
                text = "is a group: a group holds names and patterns alone"
                reading.notes.mistake((*key, index), text)
            else:
                naming.check_name(name, (*key, index))


def read_teams(table: Mapping[str, object], naming: Naming, reading: Reading) -> dict[str, Team]:
    """Read all teams, in the file's order."""
    found: dict[str, Team] = {}
    for name, value in table.items():
        key: Key = ("teams", name)
        checked_name(name, key, reading)
        options = read_table(TeamOptions, value, key, reading) or TeamOptions()
        naming.check(options.models, (*key, "models"))
        found[name] = Team(tuple(options.models), limits_of(options.limits))
    return found


def limits_of(options: LimitOptions) -> Limits:
    """Return limits in the words of a caller."""
    return Limits(**msgspec.structs.asdict(options))


def checked_name(name: str, key: Key, reading: Reading) -> None:
    """Note a name that could be mistaken for another."""
    try:
        check_name(name)
    except ValueError as error:
        reading.notes.mistake(key, str(error))
