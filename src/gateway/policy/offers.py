"""What providers offer and what operators say of models: the material that routes are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gateway.words.secret import Secret
from gateway.words.target import Target

Strategy = Literal["order", "spread", "fastest"]
"""Which home of a name comes first: the first in order, the least busy, the quickest."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One provider's models, by the names that clients use.

    `names` holds whole public names, the prefix included, and the provider's own for each. With
    `listing` it offers whatever it lists, with `anything` every name that begins with `prefix`;
    there the own name is what follows the prefix. `target` is a template: its model is empty and
    its key unset until a call is planned; its timeouts and conduct are those of provider
    and defaults.
    """

    provider: str
    names: Mapping[str, str]
    prefix: str
    listing: bool
    anything: bool
    target: Target
    keys: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """What `[models]` says of a name: the names it stands for (none: itself), and how to ask.

    `conduct` and `seconds` hold only what is set, by the names in `Conduct` and in `Timeouts`;
    None is what the rules of all names say.
    """

    targets: tuple[str, ...] = ()
    order: tuple[str, ...] | None = None
    strategy: Strategy | None = None
    affinity: bool | None = None
    conduct: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    prefill: bool = False
    drops: bool | None = None

    def over(self, target: Target) -> Target:
        """Return a target with what is said of this name over what its provider says."""
        return replace(
            target,
            timeouts=replace(target.timeouts, **self.seconds),
            conduct=replace(target.conduct, **self.conduct),
            prefill=self.prefill or target.prefill,
            drops=target.drops if self.drops is None else self.drops,
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all names: which provider first, and where to go when a name has failed.

    `order` holds names of providers. `fallbacks` are asked when every home of a name has failed,
    `context_fallbacks` when the prompt was too long; their keys are names in which `*` is anything.
    """

    order: tuple[str, ...] = ()
    strategy: Strategy = "order"
    affinity: bool = True
    fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    context_fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
