"""One place that can answer: provider, address, key, the provider's own name for the model."""

from dataclasses import dataclass, field
from urllib.parse import quote

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
class Cooldown:
    """When a target rests: so many `failures` within `window` seconds rest it for `rest` seconds.

    `failures` of 0 is never.
    """

    failures: int = 3
    window: float = 30.0
    rest: float = 15.0


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a call goes about its targets: what is tried again, raced, joined, shared and kept.

    `retries` are further attempts at one home; `hedge_after` and `cache_ttl` are seconds, and 0 is
    never; `resume` says whether an answer that broke off is asked for again and joined. With
    `reads_on` an answer whose client has left is read on, to learn what it costs, within bounds.
    """

    retries: int = 2
    hedge_after: float = 0.0
    resume: bool = False
    resume_attempts: int = 1
    cooldown: Cooldown = Cooldown()
    coalesce: bool = False
    cache_ttl: float = 0.0
    stream_upstream: bool = False
    honour_client_timeout: bool = True
    reads_on: bool = False
    drain_max_seconds: float = 120.0
    drain_max_tokens: int = 20_000


@dataclass(frozen=True, slots=True)
class Target:
    """A provider's model, ready to be asked. `path` is the literal prefix of the provider's API.

    `key_number` tells a provider's keys apart without showing them: they count from 1, and 0 is
    the only one or none. `prefill` says that it goes on from the beginning of an answer, and
    `running_usage` that it is asked to tell with each event what there was so far. `max_tokens` is
    how long an answer may be where the client does not say, for a provider that wants to be told.
    With `usage_unasked` it reports usage without being asked, and refuses to be; `renames` are
    fields that it knows by other names. `also` names the forms that it speaks beside its own, to
    calls that came in them. With `drops` it is not told what it cannot be told; else such a call is
    refused. `query` stands behind the path of each request, its `?` included. `region` is where the
    provider is asked, for one whose signatures name it; `dialect` is in which manner it speaks its
    form, where there are several. `also` holds for models in whose name `also_of` stands. `grant`
    names the source of credentials that end after a while, where it is shown such (see
    `upstream/tokens.py`). With `by_model`, such as `/deployments/`, the paths of all requests go on
    with that and the model's name. With `client_key` it is shown the caller's own key. `keeps` are
    the fields that it takes in messages beside OpenAI's own, of calls that came in another form.
    """

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
    conduct: Conduct = field(default=Conduct())
    key_number: int = 0
    prefill: bool = False
    running_usage: bool = False
    max_tokens: int = 0
    usage_unasked: bool = False
    renames: tuple[tuple[str, str], ...] = ()
    also: tuple[str, ...] = ()
    drops: bool = False
    query: str = ""
    region: str = ""
    dialect: str = ""
    also_of: str = ""
    grant: str = ""
    by_model: str = ""
    client_key: bool = False
    keeps: tuple[str, ...] = ()
    name: str = field(init=False, compare=False)
    """Names the target in logs and receipts: provider and model, never its key."""
    base: str = field(init=False, compare=False)
    """What stands before the path of each request: `path`, and the model where paths name it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.provider}/{self.model}")
        model = self.by_model and self.by_model + quote(self.model, safe="")
        object.__setattr__(self, "base", self.path + model)

    def speaks(self, form: str) -> bool:
        """Say whether a call of this form is asked of the target without translation."""
        return form == self.form or (form in self.also and self.also_of in self.model)


@dataclass(frozen=True, slots=True)
class Plan:
    """The targets for one call, in the order in which they are asked.

    The keys of one home stand together. The first `own` targets are homes of the name that was
    asked for, what follows are its fallbacks. `context_targets` are asked instead of all others
    where the prompt was too long.
    """

    targets: tuple[Target, ...]
    own: int = 1
    context_targets: tuple[Target, ...] = ()
    timeouts: Timeouts = field(init=False, compare=False)
    """The clocks of the whole call: those of the first target."""
    conduct: Conduct = field(init=False, compare=False)
    """The conduct of the whole call: that of the first target."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "timeouts", self.targets[0].timeouts)
        object.__setattr__(self, "conduct", self.targets[0].conduct)
