"""Which names are answered, and by whom, as far as a configuration can tell."""

from collections.abc import Iterable, Mapping

from gateway.config.options import ModelOptions
from gateway.config.providers import public_names
from gateway.policy.fallbacks import ANYTHING, fits
from gateway.providers import Settings


class Known:
    """The names of providers' models, and the operator's own for them.

    `homes` holds the names that providers say they have, each with the first that does.
    """

    def __init__(
        self, providers: Mapping[str, Settings], models: Mapping[str, ModelOptions]
    ) -> None:
        self.providers = providers
        self.homes: dict[str, str] = {}
        for provider, settings in providers.items():
            for public in public_names(settings):
                self.homes.setdefault(public, provider)
        self.aliases = {name: options for name, options in models.items() if options.targets}
        self._open = [
            settings.prefix
            for settings in providers.values()
            if settings.models == "*" or not settings.models
        ]

    @property
    def names(self) -> Iterable[str]:
        """All names that can be told."""
        return (*self.homes, *self.aliases)

    def offered(self, name: str) -> bool:
        """Say whether some provider may have this name; one that lists all may have any."""
        return name in self.homes or any(
            name.startswith(prefix) and name != prefix for prefix in self._open
        )

    def answered(self, name: str) -> bool:
        """Say whether a call for this name may find an answer."""
        return self.offered(name) or name in self.aliases

    def meant(self, pattern: str) -> bool:
        """Say whether a pattern may mean some name that is answered."""
        head, star, _ = pattern.partition(ANYTHING)
        if not star:
            return self.answered(pattern)
        return any(
            head.startswith(prefix) or prefix.startswith(head) for prefix in self._open
        ) or any(fits(name, pattern) for name in self.names)
