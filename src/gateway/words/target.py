"""One place that can answer: provider, address, key, the provider's own name for the model."""

from dataclasses import dataclass, field

from gateway.words.client import Header
from gateway.words.secret import Secret


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a provider listens. The only source of an upstream address (R1, S14)."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The clocks of a call towards its provider, in seconds."""

    connect: float = 5.0
    first_token: float = 180.0
    idle: float = 60.0
    total: float = 3600.0


@dataclass(frozen=True, slots=True)
class Target:
    """A provider's model, ready to be asked. `path` is the literal prefix of the provider's API."""

    provider: str
    kind: str
    form: str
    origin: Origin
    path: str
    model: str
    key: Secret | None = None
    headers: tuple[Header, ...] = ()
    timeouts: Timeouts = field(default=Timeouts())
    max_connections: int = 1000

    @property
    def name(self) -> str:
        """Name the target in logs and receipts: provider and model, never its key."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The targets for one call, in the order in which they are asked."""

    targets: tuple[Target, ...]

    @property
    def timeouts(self) -> Timeouts:
        """The clocks of the whole call: those of the first target."""
        return self.targets[0].timeouts
