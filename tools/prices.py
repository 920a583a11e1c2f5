"""Makes the table of prices that comes with the gateway, of the PyPI package `genai-prices`.

It runs by `nox -s prices`, which installs that package beside the gateway; the gateway itself needs
only the file. It fails where a name would be priced otherwise than the source prices it.

What is left out: models that are paid for by anything but tokens and requests, or that write video
or images that nobody counts (they are noted as known, without a price), batch and priority rates,
searches, storage, prices that begin later. Video that is read is priced as text. Of prices that
depend on the hour the dearest is taken.
"""

import datetime as dt
import importlib
import json
import re
import time
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.policy.prices import FILE, FREE, Price, ProviderPrices, Table, bundled

PACKAGE = "genai-prices"
TABLE = Path(__file__).parents[1] / "src/gateway/policy" / FILE
LARGEST_BYTES = 300_000

HOSTS: dict[str, tuple[str, ...]] = {
    "anthropic": ("api.anthropic.com",),
    "arcee": ("api.arcee.ai",),
    "avian": ("api.avian.io",),
    "azure": (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com"),
    "baseten": ("inference.baseten.co",),
    "cerebras": ("api.cerebras.ai",),
    "cohere": ("api.cohere.ai", "api.cohere.com"),
    "deepseek": ("api.deepseek.com",),
    "doubleword": ("api.doubleword.ai",),
    "fireworks": ("api.fireworks.ai",),
    "google": (".googleapis.com",),
    "groq": ("api.groq.com",),
    "minimax": ("api.minimax.io", "api.minimaxi.com"),
    "mistral": ("api.mistral.ai",),
    "moonshotai": ("api.moonshot.ai", "api.moonshot.cn"),
    "novita": ("api.novita.ai",),
    "openai": ("api.openai.com",),
    "openrouter": ("openrouter.ai",),
    "ovhcloud": ("oai.endpoints.kepler.ai.cloud.ovh.net",),
    "perplexity": ("api.perplexity.ai",),
    "together": ("api.together.xyz", "api.together.ai"),
    "voyageai": ("api.voyageai.com",),
    "x-ai": ("api.x.ai",),
    "zai": ("api.z.ai",),
    "zhipuai": ("open.bigmodel.cn",),
}
"""The providers that are taken, and where they answer. Left out are those that a host alone does
not tell (Cloudflare, Databricks, Hugging Face, Modal), Bedrock, whose regions have prices of their
own, and what is paid for by subscription."""

NEWER_HOSTS = {"api.together.ai"}
"""Hosts that the source does not know yet."""

KEYS = {
    "input": "input",
    "output": "output",
    "cached_input": "cache_read",
    "cache_write": "cache_write",
    "reasoning": "output_reasoning",
    "cache_write_1h": "cache_write_1h",
    "audio_input": "input_audio",
    "cached_audio": "cache_audio_read",
    "audio_output": "output_audio",
    "image_input": "input_image",
    "cached_image": "cache_image_read",
    "image_output": "output_image",
}
"""Our prices, and what the source calls them."""

FIELDS = FREE.__struct_fields__

UNCOUNTED = {"output_video_mtok", "output_image_mtok"}

TELLS_IMAGES = {"openai"}
"""Who reports how much of an answer was images. Where others let a model draw, its images would be
taken for text, at a tenth of their price: it is known, and has none."""


def units(dollars: Decimal) -> int:
    """Return picodollars for one token, of dollars for a million."""
    return int(dollars.scaleb(6).to_integral_value(ROUND_HALF_UP))


def standing(model: Any, today: dt.date) -> Any:
    """Return the prices that hold today; where the hour matters, the dearest."""
    if not isinstance(model.prices, list):
        return model.prices
    now = []
    for each in reversed(model.prices):
        start = getattr(each.constraint, "start_date", None)
        if start is None or start <= today:
            now.append(each.prices)
            if not hasattr(each.constraint, "start_time"):
                break
    return max(now, key=lambda prices: vars(prices).get("output_mtok") or 0)


def row(prices: Any, provider: str) -> list[Any] | None:
    """Return a price as the table writes it; None for what its tokens do not tell."""
    said = {name: value for name, value in vars(prices).items() if value is not None}
    if "input_mtok" not in said and "output_mtok" not in said:
        return None
    uncounted = {"output_video_mtok"} if provider in TELLS_IMAGES else UNCOUNTED
    if not uncounted.isdisjoint(said):
        return None
    tokens = {ours: said.get(f"{theirs}_mtok") for ours, theirs in KEYS.items()}
    request = int(said.get("requests_kcount", Decimal(0)).scaleb(6))
    starts = sorted({tier.start for each in tokens.values() for tier in getattr(each, "tiers", ())})
    tiers = tuple((start, price_at(tokens, start, request)) for start in starts)
    return price_row(msgspec.structs.replace(price_at(tokens, 0, request), tiers=tiers))


def price_at(tokens: dict[str, Any], start: int, request: int) -> Price:
    """Return the prices of calls whose input is longer than `start`."""
    found: dict[str, int] = {"input": 0, "per_request": request}
    for name, value in tokens.items():
        reached = [tier.price for tier in getattr(value, "tiers", ()) if tier.start <= start]
        price = reached[-1] if reached else getattr(value, "base", value)
        if price is not None:
            found[name] = units(price)
    return msgspec.structs.replace(FREE, **found)


def price_row(price: Price) -> list[Any]:
    """Return a price as the table writes it, without what the reader fills in by itself."""
    values: list[Any] = [getattr(price, name) for name in FIELDS]
    values[FIELDS.index("tiers")] = [[above, price_row(tier)] for above, tier in price.tiers]
    while len(values) > 1 and values[-1] in (getattr(FREE, FIELDS[len(values) - 1]), []):
        values.pop()
    return values


def clauses(match: Any) -> Iterator[tuple[str, str]]:
    """Yield how the names of a model are told: by what kind of clause, with its text."""
    for kind, value in vars(match).items():
        if isinstance(value, list):
            for inner in value:
                yield from clauses(inner)
        else:
            yield kind, value.lower()


def provider_of(source: Any, today: dt.date) -> dict[str, Any]:
    """Return one provider as the table writes it. A name that two models claim is the first's."""
    found: dict[str, Any] = {"hosts": HOSTS[source.id], "models": {}, "names": {}, "prefixes": {}}
    if source.fallback_model_providers:
        found["also"] = source.fallback_model_providers
    for model in source.models:
        name = model.id.lower()
        price = row(standing(model, today), source.id)
        if price is None and name.endswith(":free"):
            price = [0]
        found["models"][name] = price
    for model in source.models:
        name = model.id.lower()
        for kind, text in clauses(model.match):
            if kind in {"equals", "ends_with"} and text not in found["models"]:
                found["names"].setdefault(text, name)
            elif kind in {"starts_with", "contains"}:
                found["prefixes"].setdefault(text, name)
    return found


def without_dates(provider: dict[str, Any]) -> None:
    """Leave out names that the reader would come to by itself."""
    for name, model in list(provider["names"].items()):
        del provider["names"][name]
        kept = {key: value for key, value in provider.items() if key not in {"hosts", "also"}}
        prices = ProviderPrices((), **kept)
        if prices.model_of(name) != model:
            provider["names"][name] = model


def differences(sources: list[Any], table: Table, today: dt.date) -> Iterator[str]:
    """Yield each name that the source prices otherwise."""
    for source in sources:
        for model in source.models:
            names = {text for kind, text in clauses(model.match) if kind == "equals"}
            names.add(model.id.lower())
            for name in sorted(names):
                theirs = source.find_model(name) or model
                price = row(standing(theirs, today), source.id)
                if price is None and theirs.id.endswith(":free"):
                    price = [0]
                ours = table.find(source.id, name)
                ours_row = None if ours is None else price_row(ours.price)
                if ours_row != price:
                    yield f"{source.id} {name}: {ours_row}, the source says {price} ({theirs.id})"


def written(table: dict[str, Any]) -> str:
    """Write the table with a line for each model, so that a change can be read."""
    text = json.dumps(table, indent=0, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r"(?<=[\[,])\n(?=[\]\[\dn\-])|(?<=[\d\]l])\n(?=\])", "", text) + "\n"


@click.command()
@click.option("--date", help="The day on which the prices hold; by default today.")
def main(date: str | None) -> None:
    """Write the table anew."""
    now = dt.datetime.fromtimestamp(time.time_ns() / 1e9, dt.UTC)
    today = dt.date.fromisoformat(date) if date else now.date()
    sources = [
        source
        for source in importlib.import_module("genai_prices.data").providers
        if source.id in HOSTS
    ]
    for source in sources:
        for host in HOSTS[source.id]:
            address = f"https://{'x' if host[0] == '.' else ''}{host}/"
            if host not in NEWER_HOSTS and not re.match(source.api_pattern, address):
                raise click.ClickException(f"the source does not know {host} as {source.id}'s")
    package = distribution(PACKAGE)
    licence = package.read_text("licenses/LICENSE")
    providers = {source.id: provider_of(source, today) for source in sources}
    for provider in providers.values():
        without_dates(provider)
    said = {"source": f"{PACKAGE} {package.version}", "date": today.isoformat(), "licence": licence}
    TABLE.write_text(written({**said, "providers": providers}), encoding="utf-8")
    table = bundled()
    wrong = list(differences(sources, table, today))
    for line in wrong:
        click.echo(line)
    size, count = TABLE.stat().st_size, sum(1 for _ in table.rows())
    click.echo(f"{TABLE.name}: {count} prices of {len(providers)} providers, {size} bytes")
    if wrong or size > LARGEST_BYTES:
        raise click.ClickException("not as it should be")


if __name__ == "__main__":
    main()
