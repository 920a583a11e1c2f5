"""What tokens cost: by the operator's word, else by the table that comes with the gateway. Pure.

Prices are whole picodollars for one token, which is the same as micro-dollars for a million. A
nano-dollar for one token would be too coarse: a cached token at $0.0028 per million costs 2.8 of
them. Six decimals of dollars per million are exact here; what is published with more is a rate by
the hour that somebody divided. A call is added up in picodollars and rounded once, half up, to
whole nano-dollars.

The table is a file of the package, made by `nox -s prices` and read when it is first asked for.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from ipaddress import ip_address
from pkgutil import get_data
from typing import Final, NamedTuple

import msgspec

from gateway.words.answer import Usage

FILE: Final = "price_table.json"

PICOS_IN_A_NANO: Final = 1000

MOST_NANOS: Final = 2**63 - 1
"""What a column of the ledger holds: a provider that reports absurd usage comes to no more."""

KEPT: Final = 1024
"""Names behind a prefix are the client's choice: what was found for so many is kept."""

BUILT_IN: Final = "echo"
"""The kind that answers from within the gateway: it costs nothing."""

WELL_KNOWN: Final = (
    *(("claude-", "anthropic"), ("gemini-", "google"), ("grok-", "x-ai"), ("gpt-", "openai")),
    *(("chatgpt-", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai")),
    ("text-embedding-3-", "openai"),
)
"""Names of models that their makers alone run or license: behind an address that is not known,
their makers' list prices hold. Whoever serves open weights sets a price of his own."""

OPEN_WEIGHTS: Final = ("gpt-2", "gpt-oss-", "grok-1", "grok-2")
"""Names that begin so are none of those."""

_LOCAL: Final = (".home.arpa", ".internal", ".lan", ".local", ".localhost")
_DATED: Final = re.compile(r"[-@]20\d\d-?[01]\d-?[0-3]\d$")
_ENDS: Final = "-@:./"


class Price(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one token costs in picodollars, and one call in nano-dollars; None is as another.

    Cached and written tokens are part of the input, reasoning is part of the output: without a
    price they cost what their whole does, and what is kept for an hour costs what is kept for less.
    Audio and images are as text without a price, and cached ones as those that are not. `tiers` are
    numbers of tokens, ascending, each with a price: where the input is longer than that, the whole
    call costs what stands there.
    """

    input: int
    output: int = 0
    cached_input: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    per_request: int = 0
    tiers: "tuple[tuple[int, Price], ...]" = ()
    cache_write_1h: int | None = None
    audio_input: int | None = None
    cached_audio: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    cached_image: int | None = None
    image_output: int | None = None


FREE: Final = Price(0)


class Found(NamedTuple):
    """A price and whose it is: a provider's in the table; None where the operator set it."""

    price: Price
    provider: str | None


class Row(NamedTuple):
    """A model of the table as it is listed."""

    provider: str
    model: str
    price: Price


class ProviderPrices(msgspec.Struct, frozen=True):
    """One provider of the table: its hosts (or `.ends` of them), its models and how they are named.

    A model that is None is known and not paid for by the token. `names` are other names of models,
    `prefixes` are how names of a model begin. `also` are providers whose models it resells.
    """

    hosts: tuple[str, ...]
    models: dict[str, Price | None]
    names: dict[str, str]
    prefixes: dict[str, str]
    also: tuple[str, ...] = ()

    def model_of(self, name: str) -> str | None:
        """Return the model that a name means: by itself, without its date, by its beginning."""
        undated = _DATED.sub("", name)
        for each in (name, undated):
            if each in self.models:
                return each
            if each in self.names:
                return self.names[each]
        fitting = [prefix for prefix in self.prefixes if _begins(name, prefix)]
        return self.prefixes[max(fitting, key=len)] if fitting else None


class Table(msgspec.Struct, frozen=True):
    """The bundled prices: where they are from, of which day, under which licence."""

    source: str
    date: str
    licence: str
    providers: dict[str, ProviderPrices]

    def provider_at(self, host: str) -> str | None:
        """Return the provider that answers at a host."""
        for name, provider in self.providers.items():
            if any(_is_at(host, each) for each in provider.hosts):
                return name
        return None

    def find(self, provider: str, model: str) -> Found | None:
        """Return what a provider takes for a model, else what those take whose models it sells."""
        for seller in (provider, *self.providers[provider].also):
            prices = self.providers[seller]
            if (known := prices.model_of(model)) is not None:
                price = prices.models[known]
                return None if price is None else Found(price, seller)
        return None

    def rows(self) -> Iterator[Row]:
        """Yield all models that have a price."""
        for name, provider in self.providers.items():
            for model, price in provider.models.items():
                if price is not None:
                    yield Row(name, model, price)


class Prices:
    """What calls cost. `overrides` are the operator's own, by the name of a target.

    A target's name is `provider/model`, with the provider's own name for its model.
    """

    def __init__(self, overrides: Mapping[str, Price]) -> None:
        self._overrides = dict(overrides)

    def of(self, provider_kind: str, base_host: str, model: str, target: str = "") -> Price | None:
        """Return the price of a provider's model; None where nobody knows it."""
        found = self.find(provider_kind, base_host, model, target)
        return None if found is None else found.price

    def find(
        self, provider_kind: str, base_host: str, model: str, target: str = ""
    ) -> Found | None:
        """Return the price, and whose it is."""
        if target in self._overrides:
            return Found(self._overrides[target], None)
        if provider_kind == BUILT_IN:
            return Found(FREE, BUILT_IN)
        return _listed(base_host.lower().rstrip("."), model.lower().removeprefix("models/"))


def bundled() -> Table:
    """Return the table, read once."""
    return _read()


def cost_of(usage: Usage, price: Price) -> int:
    """Return what a call cost, in whole nano-dollars: never below 0, never above `MOST_NANOS`.

    Parts that are more than their whole count as the whole.
    """
    whole = max(usage.input_tokens, 0)
    for above, dearer in reversed(price.tiers):
        if whole > above:
            price = dearer
            break
    picos = _input_picos(usage, whole, price) + _output_picos(usage, price)
    spent = price.per_request + (picos + PICOS_IN_A_NANO // 2) // PICOS_IN_A_NANO
    return min(spent, MOST_NANOS)


def cost_of_text(read: int, written: int, price: Price) -> int:
    """Return what so many tokens of plain text cost: as `cost_of` says it."""
    for above, dearer in reversed(price.tiers):
        if read > above:
            price = dearer
            break
    picos = read * price.input + written * price.output
    return min(price.per_request + (picos + PICOS_IN_A_NANO // 2) // PICOS_IN_A_NANO, MOST_NANOS)


def _input_picos(usage: Usage, whole: int, price: Price) -> int:
    """Return what was read cost. No provider tells of which kind the cached tokens are: text comes
    first, where a cache saves least. Written ones are text.
    """
    audio = images = 0
    if price.audio_input is not None:
        audio = min(max(usage.audio_input_tokens, 0), whole)
    if price.image_input is not None:
        images = min(max(usage.image_input_tokens, 0), whole - audio)
    text, cached = whole - audio - images, min(max(usage.cached_tokens, 0), whole)
    cached_text = min(cached, text)
    written = min(max(usage.cache_write_tokens, 0), text - cached_text)
    for_hour = min(max(usage.cache_write_1h_tokens, 0), written)
    write = price.input if price.cache_write is None else price.cache_write
    return (
        (text - cached_text - written) * price.input
        + cached_text * (price.input if price.cached_input is None else price.cached_input)
        + (written - for_hour) * write
        + for_hour * (write if price.cache_write_1h is None else price.cache_write_1h)
        + (_media_picos(audio, images, cached - cached_text, price) if audio or images else 0)
    )


def _media_picos(audio: int, images: int, cached: int, price: Price) -> int:
    """Return what audio and images cost that were read; of those that were cached images first."""
    cached_images = min(cached, images)
    cached_audio = cached - cached_images
    audio_price, image_price = price.audio_input or 0, price.image_input or 0
    return (
        (audio - cached_audio) * audio_price
        + cached_audio * (audio_price if price.cached_audio is None else price.cached_audio)
        + (images - cached_images) * image_price
        + cached_images * (image_price if price.cached_image is None else price.cached_image)
    )


def _output_picos(usage: Usage, price: Price) -> int:
    """Return what was written cost. Thoughts are text."""
    audio = images = 0
    text = max(usage.output_tokens, 0)
    if price.audio_output is not None:
        audio = min(max(usage.audio_output_tokens, 0), text)
        text -= audio
    if price.image_output is not None:
        images = min(max(usage.image_output_tokens, 0), text)
        text -= images
    thought = min(max(usage.reasoning_tokens, 0), text)
    return (
        (text - thought) * price.output
        + thought * (price.output if price.reasoning is None else price.reasoning)
        + audio * (price.audio_output or 0)
        + images * (price.image_output or 0)
    )


def picos_a_token(dollars_a_million: float) -> int:
    """Return picodollars for a token, of dollars for a million as somebody wrote them."""
    return _scaled(dollars_a_million, 6)


def nanos(dollars: float) -> int:
    """Return nano-dollars, of dollars as somebody wrote them."""
    return _scaled(dollars, 9)


def is_local(host: str) -> bool:
    """Say whether a host is an address, or a name of this machine or network: no list holds it."""
    if "." not in host or host.endswith(_LOCAL):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _scaled(dollars: float, places: int) -> int:
    # The shortest decimal that reads as this number is what stood in the file.
    return int(Decimal(repr(dollars)).scaleb(places).to_integral_value(ROUND_HALF_UP))


@lru_cache(maxsize=1)
def _read() -> Table:
    data = get_data(__package__, FILE)
    assert data is not None
    return msgspec.json.decode(data, type=Table)


@lru_cache(maxsize=KEPT)
def _listed(host: str, model: str) -> Found | None:
    if is_local(host):
        return None
    table = bundled()
    provider = table.provider_at(host)
    if provider is None:
        provider, model = _maker_of(model)
    return None if provider is None else table.find(provider, model)


def _maker_of(model: str) -> tuple[str | None, str]:
    """Return who alone can have made a model, and its name without the maker's before it."""
    said, slash, rest = model.rpartition("/")
    if not rest.startswith(OPEN_WEIGHTS):
        for prefix, maker in WELL_KNOWN:
            if rest.startswith(prefix) and (not slash or said == maker):
                return maker, rest
    return None, model


def _is_at(host: str, place: str) -> bool:
    """Say whether a host is this one, or below it where the place begins with a dot."""
    return host.endswith(place) if place.startswith(".") else host == place


def _begins(name: str, prefix: str) -> bool:
    """Say whether a name begins so, and not in the middle of a word or number."""
    if not name.startswith(prefix):
        return False
    return name == prefix or prefix[-1] in _ENDS or name[len(prefix)] in _ENDS
