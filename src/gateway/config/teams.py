"""Reads `[groups]` and `[teams.NAME]`: names of models under one name, and what teams may do."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.config.budgets import BudgetList, read_budgets
from gateway.config.limits import LimitOptions, limits_of
from gateway.config.lines import Key
from gateway.config.models import check_twice
from gateway.config.names import check_name
from gateway.config.naming import Groups, Models, Naming
from gateway.config.options import GuardNames
from gateway.config.passthrough import Opened, check_opened
from gateway.config.tables import Reading, read_table, read_value
from gateway.policy.fallbacks import ANYTHING
from gateway.policy.keys import GROUP, Team
from gateway.words.caller import Unpriced

OIDC = "oidc:"
LONGEST_GROUP = 256
"""Characters of a group's name, as an issuer gives it."""

NO_MEMBER = (
    f"names no group of an issuer's: it is `{OIDC}` and the group's name, of at most"
    f" {LONGEST_GROUP} characters that can be seen"
)


class TeamOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds for all keys of a team together, besides what each key says of itself."""

    models: Models = msgspec.field(default_factory=list)
    limits: Annotated[
        LimitOptions, Meta(description="How much all keys of the team may ask for, together.")
    ] = LimitOptions()
    budgets: Annotated[
        BudgetList, Meta(description="What the team may spend, or each of its users.")
    ] = msgspec.field(default_factory=list)
    unpriced: Annotated[
        Unpriced,
        Meta(
            description="What becomes of calls for a model that nobody can tell the price of, where"
            " a budget holds."
        ),
    ] = "refuse"
    members: Annotated[
        list[str],
        Meta(
            description="Who belongs to the team without having one of its keys: groups of an"
            " issuer's tokens, as `oidc:ai-research`."
        ),
    ] = msgspec.field(default_factory=list)
    passthrough: Opened = msgspec.field(default_factory=list)
    guards: GuardNames = msgspec.field(default_factory=list)


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
        check_members(options.members, (*key, "members"), reading)
        check_opened(options.passthrough, (*key, "passthrough"), naming.providers, reading)
        found[name] = Team(
            models=tuple(options.models),
            limits=limits_of(options.limits),
            budgets=read_budgets(options.budgets, (*key, "budgets"), naming, reading, team=True),
            unpriced=options.unpriced,
            members=tuple(options.members),
            passthrough=tuple(options.passthrough),
            guards=tuple(options.guards),
        )
    return found


def check_members(members: Sequence[str], key: Key, reading: Reading) -> None:
    """Note what names no group of an issuer's."""
    check_twice(members, key, reading)
    for index, member in enumerate(members):
        name = member.removeprefix(OIDC)
        named = name and len(name) <= LONGEST_GROUP and name.isprintable()
        if not (member.startswith(OIDC) and named):
            reading.notes.mistake((*key, index), NO_MEMBER)


def checked_name(name: str, key: Key, reading: Reading) -> None:
    """Note a name that could be mistaken for another."""
    try:
        check_name(name)
    except ValueError as error:
        reading.notes.mistake(key, str(error))
