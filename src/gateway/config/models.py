"""Reads `[models.NAME]`, and sees to it that every name is answered."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

from gateway.config.known import Known
from gateway.config.limits import limits_of
from gateway.config.lines import Key
from gateway.config.mistakes import quoted
from gateway.config.names import check_name
from gateway.config.options import ModelOptions, PriceOptions
from gateway.config.tables import Reading, read_table
from gateway.policy.offers import Offer
from gateway.policy.prices import Price, nanos, picos_a_token
from gateway.words.caller import Limits


def read_models(table: Mapping[str, object], reading: Reading) -> dict[str, ModelOptions]:
    """Read what is said of models, in the file's order."""
    found: dict[str, ModelOptions] = {}
    for name, value in table.items():
        key: Key = ("models", name)
        try:
            check_name(name)
        except ValueError as error:
            reading.notes.mistake(key, str(error))
        found[name] = read_table(ModelOptions, value, key, reading) or ModelOptions()
    return found


def overrides_of(models: Mapping[str, ModelOptions], offers: Iterable[Offer]) -> dict[str, Price]:
    """Return the prices that are set, by the names of targets: for each home that a name may have.

    Where one target has several names with prices, that of the first counts.
    """
    found: dict[str, Price] = {}
    priced = {name: _price(said.prices) for name, said in models.items() if said.prices is not None}
    for offer in offers:
        for name, price in priced.items():
            if (own := _own_name(offer, name)) is not None:
                found.setdefault(f"{offer.provider}/{own}", price)
    return found


def limits_of_models(models: Mapping[str, ModelOptions]) -> dict[str, Limits]:
    """Return how much all callers together may ask for, by the names that have such limits."""
    found = {name: limits_of(said.limits) for name, said in models.items()}
    return {name: limits for name, limits in found.items() if limits != Limits()}


def check_models(models: Mapping[str, ModelOptions], known: Known, reading: Reading) -> None:
    """Note every name that nobody answers, and every target that is none."""
    for name, options in models.items():
        key: Key = ("models", name)
        check_order(options.order or (), (*key, "order"), known, reading)
        if options.targets and options.prices is not None:
            text = "stands for several models, each with its own: set the prices of its targets"
            reading.notes.mistake((*key, "prices"), text)
        if options.targets:
            _check_targets(name, options.targets, known, reading)
        elif not known.offered(name):
            text = "no provider offers this name, and it has no targets"
            reading.notes.mistake(key, text, reading.notes.nearest(name, known.homes))


def check_order(order: Sequence[str], key: Key, known: Known, reading: Reading) -> None:
    """Note what stands in an order and is no provider."""
    check_twice(order, key, reading)
    for index, name in enumerate(order):
        if name not in known.providers:
            reading.notes.unknown((*key, index), name, known.providers, "provider")


def check_twice(said: Sequence[Hashable], key: Key, reading: Reading) -> None:
    """Note each entry of a list that stands in it before."""
    seen: set[Hashable] = set()
    for index, entry in enumerate(said):
        if entry in seen:
            reading.notes.mistake((*key, index), "stands here twice")
        seen.add(entry)


def _check_targets(name: str, targets: Sequence[str], known: Known, reading: Reading) -> None:
    key: Key = ("models", name, "targets")
    if name in known.homes:
        text = f"{quoted(known.homes[name])} offers this name itself, so it has no targets"
        reading.notes.mistake(key, text)
        return
    check_twice(targets, key, reading)
    for index, target in enumerate(targets):
        if target in known.aliases:
            text = "a target is a provider's model, not another name with targets"
            reading.notes.mistake((*key, index), text)
        elif not known.offered(target):
            near = reading.notes.nearest(target, known.homes)
            reading.notes.mistake((*key, index), f"no provider offers {quoted(target)}", near)


def _own_name(offer: Offer, name: str) -> str | None:
    """Return what a provider calls the model that a public name may mean there."""
    if name in offer.names:
        return offer.names[name]
    if (offer.anything or offer.listing) and name.startswith(offer.prefix):
        return name[len(offer.prefix) :] or None
    return None


def _price(said: PriceOptions) -> Price:
    return Price(
        input=picos_a_token(said.input),
        output=picos_a_token(said.output),
        cached_input=_picos(said.cached_input),
        cache_write=_picos(said.cache_write),
        reasoning=_picos(said.reasoning),
        per_request=nanos(said.per_request),
        cache_write_1h=_picos(said.cache_write_1h),
        audio_input=_picos(said.audio_input),
        cached_audio=_picos(said.cached_audio),
        audio_output=_picos(said.audio_output),
        image_input=_picos(said.image_input),
        cached_image=_picos(said.cached_image),
        image_output=_picos(said.image_output),
    )


def _picos(dollars: float | None) -> int | None:
    return None if dollars is None else picos_a_token(dollars)
