"""Makes guards of what is configured: detectors, masks, and whom each concerns."""

import itertools
from collections.abc import Iterator
from typing import Final

from gateway.config.compose import Config
from gateway.config.guards import USUAL_PERSONAL, GuardOptions, compiled
from gateway.policy.guards.credentials import Credentials
from gateway.policy.guards.detector import Allowing, Detector
from gateway.policy.guards.expressions import Expressions
from gateway.policy.guards.guard import Check, Guard, Guards, Rule, Sizes
from gateway.policy.guards.personal import KINDS
from gateway.policy.guards.plain import plain
from gateway.policy.guards.words import Parts, Words
from gateway.providers.address import parse_base_url
from gateway.words.secret import Secret

_MASK: Final = "[REDACTED]"
_SECRET: Final = "[SECRET]"  # noqa: S105 (what stands in place of one)
_BEARER: Final = "Bearer "


def guards_of(config: Config) -> Guards | None:
    """Return all guards; None where none concerns anybody."""
    models = {name: tuple(said.guards) for name, said in config.models.items() if said.guards}
    teams = {name: team.guards for name, team in config.teams.items() if team.guards}
    keys = {record.key_id: record.guards for record in config.keys if record.guards}
    always = tuple(config.defaults.guards)
    if not (always or models or teams or keys):
        return None
    guards = itertools.starmap(_guard, config.guards.items())
    return Guards(guards, always, models, teams, keys)


def _guard(name: str, options: GuardOptions) -> Guard:
    sizes = Sizes(options.max_characters, options.max_tokens, options.max_turns)
    return Guard(
        name=name,
        then=options.then,
        asks=options.on != "answer",
        answers=options.on != "request",
        rules=tuple(_rules(options)),
        sizes=sizes if options.kind == "size" else None,
        check=_check(options),
        needs_sight=options.unseen == "refuse",
    )


def _rules(options: GuardOptions) -> Iterator[Rule]:
    is_plain = options.kind != "regex"  # an expression means the very signs that it names
    allowed = frozenset((plain(each) if is_plain else each).casefold() for each in options.allow)
    for detector, mask in _detectors(options):
        rule = Allowing(detector, allowed) if allowed else detector
        yield Rule(rule, options.mask or mask, is_plain)


def _detectors(options: GuardOptions) -> Iterator[tuple[Detector, str]]:
    match options.kind:
        case "regex":
            for pattern in options.patterns:
                yield Expressions(compiled(pattern), options.look_behind), _MASK
        case "secrets":
            yield Credentials(), _SECRET
        case "pii":
            for kind in options.find or USUAL_PERSONAL:
                yield KINDS[kind], f"[{kind.upper()}]"
        case "words":
            if options.words:
                yield Words(map(plain, options.words)), _MASK
            if options.parts:
                yield Parts(map(plain, options.parts)), _MASK


def _check(options: GuardOptions) -> Check | None:
    opens = options.on_failure == "pass"
    if options.kind == "moderation":
        return Check(
            model=options.model or "",
            categories=frozenset(options.categories),
            limits=options.scores,
            timeout=options.timeout,
            opens=opens,
        )
    if options.kind != "http" or options.url is None:
        return None
    origin, path = parse_base_url(options.url)
    key = options.api_key
    return Check(
        origin=origin,
        target=Secret(path or "/"),
        authorization=None if key is None else Secret(_BEARER + key.reveal()),
        timeout=options.timeout,
        opens=opens,
    )
