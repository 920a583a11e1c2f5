"""Guards as they are configured: what each looks at, what it looks for, what follows. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.policy.guards.detector import Detector
from gateway.words.caller import Caller
from gateway.words.secret import Secret
from gateway.words.target import Origin

Then = Literal["block", "redact", "flag"]

MOST_COMBINATIONS: Final = 1_000
"""So many combinations of model, key and team are remembered with the guards that concern them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for, and what stands in its place where it is redacted.

    Where it is `plain` the detector is shown a text in plain signs (see `plain.plain`).
    """

    detector: Detector
    mask: str
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much may be said; None is without a limit. Tokens are an estimate, of characters."""

    characters: int | None = None
    tokens: int | None = None
    turns: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Somebody outside who is asked: a service by `origin` and `target`, else a moderation model.

    `limits` are the scores by category from which on it is a match; without any the model's own
    word counts, where `categories` are none or name the one that it speaks of. Where nobody answers
    within `timeout` seconds the call passes if it `opens`, and is refused otherwise.
    """

    origin: Origin | None = None
    target: Secret | None = None
    authorization: Secret | None = None
    model: str = ""
    categories: frozenset[str] = frozenset()
    limits: Mapping[str, float] = field(default_factory=dict)
    timeout: float = 2.0
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """What is looked for in requests where it `asks`, in answers where it `answers`.

    With `needs_sight` a call that it cannot look into is refused.
    """

    name: str
    then: Then
    asks: bool = True
    answers: bool = True
    rules: tuple[Rule, ...] = ()
    sizes: Sizes | None = None
    check: Check | None = None
    needs_sight: bool = True

    @property
    def holds(self) -> bool:
        """Say whether anything is done about what it finds."""
        return self.then != "flag"

    @property
    def longest(self) -> int:
        """How many characters of an answer it holds back at most."""
        held = [rule.detector.longest for rule in self.rules]
        return max(held, default=0) if self.holds and self.answers else 0


Names = tuple[str, ...]


class Guards:
    """All guards, and whom each concerns: by models, teams and keys, or everybody."""

    def __init__(
        self,
        guards: Iterable[Guard],
        always: Iterable[str] = (),
        of_models: Mapping[str, Names] | None = None,
        of_teams: Mapping[str, Names] | None = None,
        of_keys: Mapping[str, Names] | None = None,
    ) -> None:
        """`of_keys` goes by the ids of keys."""
        self._guards = {guard.name: guard for guard in guards}
        self._always = tuple(always)
        self._of = (of_models or {}, of_teams or {}, of_keys or {})
        self._known: dict[tuple[str | None, ...], tuple[Guard, ...]] = {}

    def concerning(self, caller: Caller, *models: str | None) -> tuple[Guard, ...]:
        """Return the guards that concern a caller's call for models, each once, in their order."""
        key = (caller.key_id, caller.team, *models)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST_COMBINATIONS:
                self._known.clear()
            found = self._known[key] = self._find(caller, models)
        return found

    def _find(self, caller: Caller, models: Iterable[str | None]) -> tuple[Guard, ...]:
        of_models, of_teams, of_keys = self._of
        names = {
            *self._always,
            *of_keys.get(caller.key_id, ()),
            *of_teams.get(caller.team or "", ()),
        }
        for model in models:
            names.update(of_models.get(model or "", ()))
        return tuple(guard for name, guard in self._guards.items() if name in names)
