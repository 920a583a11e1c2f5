"""LiteLLM's `model_list`: deployments of one name become homes of one name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.commands.moving.homes import EVERYTHING, UNLISTED, Home, Providers
from gateway.commands.moving.litellm_address import peer_of
from gateway.commands.moving.litellm_params import Book, Params, fill
from gateway.commands.moving.litellm_prices import DEARER, Prices, dearer, prices_of
from gateway.commands.moving.reading import Table, items, name, number, table, text, whole
from gateway.commands.moving.sheet import PROVIDERS
from gateway.commands.moving.trial import faults
from gateway.config.lines import Key
from gateway.config.mistakes import quoted

LIST: Final = "model_list"

NO_NAME: Final = "has no model_name that can be one here, or no model, so nobody is asked for it."
ONE_FOR_ALL: Final = (
    "any name would be answered by one model. Here a name is told: write it in `models` of the"
    " provider, as { NAME = MODEL }."
)
BROADER: Final = (
    "takes all names that begin like this; patterns for the rest of a name are for `models` of keys"
    " and teams."
)
UNSAFE: Final = "lists no models, so its names must be written in `models`, or behind a prefix."
TWICE: Final = (
    "is the same deployment as one before it, and asked as one: weights by repetition are not here."
)
REFUSED: Final = "cannot be set: it {why}."
LEFT_OUT: Final = "is left out: {why}."
LISTED: Final = (
    "who has models by listing them is asked for such a name, too, if it is in the list; LiteLLM"
    " asks only those who were told the name."
)
TIES: Final = "homes of one place in the order are asked one after another, in the file's order."


@dataclass(slots=True)
class Deployment:
    """One entry of the list, as far as it can be taken over."""

    path: Key
    home: Home
    params: Params
    prices: Prices
    price_sources: dict[Key, str]
    order: float | None
    limits: dict[str, int]
    limit_sources: dict[str, Key]


@dataclass(slots=True)
class Models:
    """All deployments, while they are brought over."""

    book: Book
    providers: Providers
    enforced: bool
    by_name: dict[str, list[Deployment]] = field(default_factory=dict)

    def read(self, said: object, credentials: dict[str, tuple[Key, Table]]) -> None:
        """Read the whole list, and write what holds for each of its names."""
        for index, entry in enumerate(items(said)):
            path: Key = (LIST, index)
            self.book.sheet.belongs(path, PROVIDERS)
            found = self._deployment(path, table(entry), credentials)
            if found is not None:
                self.by_name.setdefault(found.home.public, []).append(found)
        for public, deployments in self.by_name.items():
            self._place(public, deployments)

    def finish(self) -> None:
        """Write the providers; a name that is written stands before one that is only listed."""
        sheet = self.book.sheet
        self.providers.write()
        strategy = sheet.get(("defaults",), "strategy")
        if not self.providers.listing():
            return
        if self.providers.listing() > 1:
            sheet.add(("defaults",), LISTED)
            return
        sheet.put(("defaults",), "strategy", "order")
        for public in self.by_name:
            if len(self.providers.homes(public)) > 1 and not sheet.get(("models", public), "order"):
                sheet.put(("models", public), "strategy", strategy)
                sheet.add(("models", public), LISTED)

    def answers(self, public: str) -> bool:
        """Say whether a name is answered, by a deployment or within a family of names."""
        return self.providers.answers(public)

    def _deployment(
        self, path: Key, entry: Table, credentials: dict[str, tuple[Key, Table]]
    ) -> Deployment | None:
        sheet = self.book.sheet
        said = table(entry.get("litellm_params"))
        public, model = name(entry.get("model_name")), text(said.get("model"))
        peer, own = peer_of(said)
        if public is None or model is None or name(own) is None:
            sheet.remark(PROVIDERS, path, NO_NAME, entry)
            return None
        if not peer.kind:
            sheet.remark(PROVIDERS, path, f"{quoted(model)}: {peer.advice}", entry)
            return None
        params = _params(said, path, credentials)
        fill(params, peer, public, self.book)
        family = _family(public, own, peer.kind)
        if isinstance(family, str):
            sheet.remark(PROVIDERS, path, family, entry)
            return None
        if family != (public, own) and not _is_exact(public, own):
            sheet.add(PROVIDERS, BROADER, path)
        if why := self._refused(path, params, peer.kind, family):
            sheet.remark(PROVIDERS, path, LEFT_OUT.format(why=why), entry)
            return None
        return _made(path, entry, params, (*family, peer.kind))

    def _refused(self, path: Key, params: Params, kind: str, names: tuple[str, str]) -> str:
        """Leave out settings that the gateway refuses; say why where it refuses what it needs."""
        public, own = names
        found = faults(kind, params.settings, public or "x", own)
        for setting, why in found:
            source = next((s for s, of in params.sources.items() if of == setting), path)
            params.settings.pop(setting, None)
            params.sources = {s: of for s, of in params.sources.items() if of != setting}
            self.book.sheet.remark(PROVIDERS, source, REFUSED.format(why=why))
        left = faults(kind, params.settings, public or "x", own) if found else ()
        return "; ".join(f"{setting} {why}" for setting, why in left)

    def _place(self, public: str, deployments: list[Deployment]) -> None:
        """Put the homes of a name where they belong, and what they have in common in its table."""
        sheet = self.book.sheet
        shared = all(each.params.conduct == deployments[0].params.conduct for each in deployments)
        is_family = deployments[0].home.is_family
        by_name = shared and not is_family
        model: Key = ("models", public)
        for each in deployments:
            if not by_name:
                each.params.settings.update(each.params.conduct)
            provider, is_new = self.providers.place(each.home)
            if not is_new and not is_family:
                sheet.add(("providers", provider), TWICE, each.path)
            for source in each.price_sources if not is_family else ():
                sheet.trail[source] = (*model, "prices")
            for source, setting in each.home.sources.items():
                if by_name and setting in each.params.conduct:
                    sheet.trail[source] = (*model, setting)
        if is_family:
            return
        if by_name:
            for setting, value in deployments[0].params.conduct.items():
                sheet.put(model, setting, value)
        self._price(model, deployments)
        self._order(model, deployments)
        self._limit(model, deployments)

    def _price(self, model: Key, deployments: list[Deployment]) -> None:
        told = [each.prices for each in deployments if each.prices]
        if not told:
            return
        price = told[0]
        for other in told[1:]:
            price = dearer(price, other)
        self.book.sheet.put(model, "prices", price)
        if any(each != told[0] for each in told):
            self.book.sheet.add(model, DEARER)

    def _order(self, model: Key, deployments: list[Deployment]) -> None:
        ranked = [each for each in deployments if each.order is not None]
        if not ranked:
            return
        ranked.sort(key=lambda each: each.order or 0.0)
        names = [self.providers.place(each.home)[0] for each in ranked]
        sources = [(*each.params.path, "order") for each in ranked]
        self.book.sheet.put(model, "order", list(dict.fromkeys(names)), *sources)
        self.book.sheet.put(model, "strategy", "order")
        if len({each.order for each in ranked}) < len(ranked):
            self.book.sheet.add(model, TIES)

    def _limit(self, model: Key, deployments: list[Deployment]) -> None:
        """Add up what all deployments of a name may be asked, where LiteLLM holds to that."""
        if not self.enforced:
            return
        found: dict[str, int] = {}
        for limit in ("requests_per_minute", "tokens_per_minute"):
            if all(limit in each.limits for each in deployments):
                found[limit] = sum(each.limits[limit] for each in deployments)
        sources = [each.limit_sources[limit] for limit in found for each in deployments]
        if found:
            self.book.sheet.put(model, "limits", found, *sources)


def _made(path: Key, entry: Table, params: Params, home: tuple[str, str, str]) -> Deployment:
    """Put together what was read of a deployment, and of which words it comes."""
    said = params.own
    if params.credential:
        params.sources[*params.path, "litellm_credential_name"] = "api_key"
    params.sources[*path, "model_name"] = "models"
    for word in ("model", "custom_llm_provider"):
        if word in said:
            params.sources[*params.path, word] = "models"
    infos = [((*path, "model_info"), table(entry.get("model_info"))), (params.path, said)]
    prices, price_sources = prices_of(infos)
    limits, limit_sources = _limits(path, entry, params)
    return Deployment(
        path,
        Home(path, *home, params.settings, params.sources),
        params,
        prices,
        price_sources,
        number(said.get("order")),
        limits,
        limit_sources,
    )


def _family(public: str, own: str, kind: str) -> tuple[str, str] | str:
    """Tell a name from a family of names: what stands before it, and all; or why it is neither."""
    if EVERYTHING not in public + own:
        return public, own
    head, star, _ = public.partition(EVERYTHING)
    own_head, own_star, _ = own.partition(EVERYTHING)
    if not (star and own_star and head.endswith(own_head)):
        return ONE_FOR_ALL
    prefix = head.removesuffix(own_head)
    if not prefix and kind in UNLISTED:
        return UNSAFE
    return prefix, EVERYTHING


def _is_exact(public: str, own: str) -> bool:
    """Say whether a family of ours has the same names as the patterns of LiteLLM's."""
    return own == EVERYTHING and public.endswith(EVERYTHING) and public.count(EVERYTHING) == 1


def _params(said: Table, path: Key, credentials: dict[str, tuple[Key, Table]]) -> Params:
    named = text(said.get("litellm_credential_name")) or ""
    credential_path, credential = credentials.get(named, ((), {}))
    return Params(said, (*path, "litellm_params"), credential, credential_path)


def _limits(path: Key, entry: Table, params: Params) -> tuple[dict[str, int], dict[str, Key]]:
    """Read the limits of a deployment, which older files have beside its parameters."""
    found: dict[str, int] = {}
    sources: dict[str, Key] = {}
    for where, said in _places(path, entry, params):
        for word, limit in (("rpm", "requests_per_minute"), ("tpm", "tokens_per_minute")):
            most = whole(said.get(word), 1_000_000_000, 1)
            if most is not None and limit not in found:
                found[limit] = most
                sources[limit] = (*where, word)
    return found, sources


def _places(path: Key, entry: Table, params: Params) -> Iterator[tuple[Key, Table]]:
    yield params.path, params.own
    yield path, entry
    yield (*path, "model_info"), table(entry.get("model_info"))
