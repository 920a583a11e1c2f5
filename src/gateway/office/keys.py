"""What the admin knows of keys from the configuration, and its rules for new ones."""

from dataclasses import replace
from functools import partial

import msgspec
from msgspec import UNSET

from gateway.admin.keys.desk import BadDraft, Drafted, KeyDesk
from gateway.admin.keys.forms import BudgetSaid, KeyChange, LimitsChange, LimitsSaid, NewKey
from gateway.config.budgets import written
from gateway.config.compose import Config
from gateway.config.drafts import Draft, Terms, Written, changed_key, expiry_of, new_key
from gateway.config.known import Known
from gateway.config.mistakes import ConfigMistake, Finding
from gateway.office.playground import approach_of
from gateway.policy.keys import KeyRecord
from gateway.words.caller import Limits

TERMS = Terms("")
"""Who fills in a form calls things as the file does."""

MOST_NAMES = 2_000


def key_desk_of(config: Config) -> KeyDesk:
    """Return it. The port of the public listener is the one that is really listened on."""
    known = Known(config.providers, config.models)
    return KeyDesk(
        draft=partial(_draft, config),
        redraft=partial(_redraft, config),
        source="" if config.source is None else str(config.source),
        keys=config.keys,
        teams=config.teams,
        groups=config.groups,
        names=tuple(dict.fromkeys(known.names))[:MOST_NAMES],
        pepper=config.auth.pepper,
        address=config.admin.public_url or approach_of(config).address.removesuffix("/v1"),
    )


def _draft(config: Config, asked: NewKey, now: int) -> Drafted:
    try:
        draft = Draft(
            team=asked.team,
            user=asked.user,
            models=tuple(asked.models),
            limits=_limits(asked.limits),
            budgets=_budgets(asked.budgets),
            expires=_expiry(asked.expires, now),
            metadata=asked.metadata,
            passthrough=tuple(asked.passthrough),
        )
        record, warnings = new_key(asked.name, draft, config, TERMS, now)
    except ConfigMistake as mistake:
        raise _told(mistake) from None
    return record, [each.removeprefix(": ") for each in warnings]


def _redraft(config: Config, before: KeyRecord, asked: KeyChange, now: int) -> Drafted:
    """Draft a key anew: what is left out is as it was."""
    budgets = tuple(_clean(written(each)) for each in before.budgets)
    try:
        draft = Draft(
            models=before.models if asked.models is UNSET else tuple(asked.models),
            limits=_changed(before.limits, asked.limits),
            budgets=budgets if asked.budgets is UNSET else _budgets(asked.budgets),
            expires=before.expires if asked.expires is UNSET else _expiry(asked.expires, now),
            metadata=before.metadata if asked.metadata is UNSET else asked.metadata,
            passthrough=(
                before.passthrough if asked.passthrough is UNSET else tuple(asked.passthrough)
            ),
        )
        record, warnings = changed_key(before, draft, config, TERMS)
    except ConfigMistake as mistake:
        raise _told(mistake) from None
    return record, [each.removeprefix(": ") for each in warnings]


def _limits(said: LimitsSaid) -> Limits:
    return Limits(**msgspec.structs.asdict(said))


def _changed(before: Limits, said: LimitsChange) -> Limits:
    changes = msgspec.structs.asdict(said).items()
    return replace(before, **{name: most for name, most in changes if most is not UNSET})


def _budgets(said: list[BudgetSaid]) -> tuple[Written, ...]:
    return tuple(_clean(msgspec.to_builtins(each)) for each in said)


def _clean(table: Written) -> Written:
    """Leave out what says nothing: there is no null in a file."""
    return {name: value for name, value in table.items() if value is not None}


def _expiry(said: str | None, now: int) -> int | None:
    try:
        return None if said is None else expiry_of(said, now)
    except ValueError as error:
        raise BadDraft([f"expires: {str(error).removesuffix('.')}"]) from None


def _told(mistake: ConfigMistake) -> BadDraft:
    return BadDraft([_sentence(finding) for finding in mistake.findings])


def _sentence(finding: Finding) -> str:
    said = f"{finding.key}: {finding.text}" if finding.key else finding.text
    return f"{said}; did you mean {finding.nearest}?" if finding.nearest else said
