"""What providers offer and what operators say of models: the material that routes are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway.words.secret import Secret
from gateway.words.target import Target, Timeouts


@dataclass(frozen=True, slots=True)
class Offer:
    """One provider's models, by the names that clients use.

    `names` holds whole public names, the prefix included, and the provider's own for each. With
    `listing` it offers whatever it lists, with `anything` every name that begins with `prefix`;
    there the own name is what follows the prefix. `target` is a template: its model is empty and
    its key unset until a call is planned; its timeouts are those of provider and defaults.
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
    """What `[models]` says of a name: the name it stands for (None: itself), and its clocks.

    `seconds` holds only the clocks that are set, by their names in `Timeouts`.
    """

    target: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def timeouts(self, above: Timeouts) -> Timeouts:
        """Return a target's clocks with those of this name over them."""
        return replace(above, **self.seconds)
