"""`gateway prices`: what models cost, and where that is from. It asks nobody."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal, NamedTuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.commands.reading import Refused, config_option, read_configuration
from gateway.config.compose import Config
from gateway.config.homes import homes_of
from gateway.config.mistakes import ConfigMistake, dotted
from gateway.config.models import overrides_of
from gateway.policy.prices import BUILT_IN, Found, Price, Prices, bundled
from gateway.policy.routes import Routes

WIDE = 160
"""Columns where nobody looks on, so that a line stays a line."""

FREE_OF_CHARGE = "built in"
NO_PRICE = "no price"
MORE = (
    "The table of {date} holds {count} prices; `gateway prices NAME` shows those with NAME in"
    " their name, --all shows all."
)
UNPRICED = "No price is known for {names}. Set `prices` in [models.NAME]."
UNKNOWN = """No model with {name} in its name has a price.{near}
What a model of your own costs stands in gateway.toml, in US dollars for a million tokens:
  [models.{name}]
  prices = {{ input = 0.50, output = 2.00 }}
`gateway prices --all` shows every price that is known."""
NEAR: Final = 3
"""So many names are offered in place of one that nothing has."""

WRITTEN, CALL = "written", "a call"
COLUMNS: Final = ("input", "cached", WRITTEN, "output", CALL)

TOKENS: Final = (
    *("input", "output", "cached_input", "cache_write", "cache_write_1h", "reasoning"),
    *("audio_input", "cached_audio", "audio_output"),
    *("image_input", "cached_image", "image_output"),
)
"""The prices of tokens, as they are called in `[models.NAME]`."""


class Line(NamedTuple):
    """A model with its price; None where none is known."""

    model: str
    provider: str
    price: Price | None
    origin: str


@click.command("prices")
@click.argument("model", default="")
@config_option
@click.option("--all", "whole", is_flag=True, help="Show the whole table that comes with us, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def command(model: str, path: Path | None, *, whole: bool, as_json: bool) -> None:
    """Show what models cost, in US dollars for a million tokens.

    With a configuration its own models come first, those without a price included. A price is the
    operator's, from `prices` in [models.NAME], else of the table that comes with the gateway: list
    prices of one day, each with the provider that takes it. MODEL is a part of a name. The exit
    code is 1 where nothing has such a name.

    \b
    Examples:
      gateway prices
      gateway prices claude --config gateway.toml
      gateway prices gpt-5.2 --json
    """  # noqa: D301 (click's mark for lines that stay as they are)
    try:
        config = read_configuration(path)
    except ConfigMistake as mistake:
        raise Refused(mistake) from None
    wanted = model.lower()
    own = [] if config is None else [each for each in _own(config) if wanted in each.model.lower()]
    listed = list(_listed(wanted)) if wanted or whole or config is None else []
    if not own and not listed:
        raise click.ClickException(_unknown(model, config))
    if as_json:
        click.echo(json.dumps(_object(own, listed), indent=2))
        return
    notes = []
    if missing := [f"{line.model} at {line.provider}" for line in own if line.price is None]:
        notes.append(UNPRICED.format(names=", ".join(missing)))
    if not listed:
        table = bundled()
        notes.append(MORE.format(date=table.date, count=sum(1 for _ in table.rows())))
    _print([lines for lines in (own, listed) if lines], notes)


def _own(config: Config) -> Iterator[Line]:
    """Yield each home of each name that the configuration tells."""
    homes = homes_of(config)
    prices = Prices(overrides_of(config.models, homes.offers))
    routes = Routes(homes.offers, homes.aliases, {}, homes.rules)
    for name in routes.names:
        if name in homes.aliases and homes.aliases[name].targets:
            continue
        for choice in routes.outline(name).own:
            for home in choice.homes:
                target = home.targets[0]
                found = prices.find(target.kind, target.origin.host, target.model, target.name)
                price = None if found is None else found.price
                yield Line(name, target.provider, price, _origin(config, name, found))


def _origin(config: Config, name: str, found: Found | None) -> str:
    if found is None:
        return NO_PRICE
    if found.provider is None:
        # Another name of the same target may be the one that has set it.
        return config.origins.get(dotted(("models", name, "prices")), str(config.source))
    return FREE_OF_CHARGE if found.provider == BUILT_IN else _bundled(found.provider)


def _bundled(provider: str) -> str:
    return f"{provider}, {bundled().date}"


def _unknown(model: str, config: Config | None) -> str:
    """Return what to do about a name that nothing has."""
    own = [] if config is None else [line.model for line in _own(config)]
    known = dict.fromkeys([*own, *(row.model for row in bundled().rows())])
    near = get_close_matches(model.lower(), known, NEAR)
    said = f" Did you mean {' or '.join(near)}?" if near else ""
    return UNKNOWN.format(name=json.dumps(model), near=said)


def _listed(wanted: str) -> Iterator[Line]:
    """Yield the table's models that have this in their name, or are meant by it."""
    table = bundled()
    meant = {name: each.model_of(wanted) for name, each in table.providers.items()}
    for row in table.rows():
        if wanted in row.model or row.model == meant[row.provider]:
            yield Line(row.model, row.provider, row.price, _bundled(row.provider))


def _object(own: Iterable[Line], listed: Iterable[Line]) -> dict[str, object]:
    table = bundled()
    return {
        "source": table.source,
        "date": table.date,
        "configured": [_told(line) for line in own],
        "bundled": [_told(line) for line in listed],
    }


def _told(line: Line) -> dict[str, object]:
    prices = None
    if line.price is not None:
        tiers = [{"above": above, **_dollars(tier)} for above, tier in line.price.tiers]
        prices = {**_dollars(line.price), "tiers": tiers}
    return {
        "model": line.model,
        "provider": line.provider,
        "prices": prices,
        "from": line.origin,
    }


def _dollars(price: Price) -> dict[str, float | None]:
    tokens = {name: getattr(price, name) for name in TOKENS}
    found = {
        name: None if value is None else float(_scaled(value, 6)) for name, value in tokens.items()
    }
    return {**found, "per_request": float(_scaled(price.per_request, 9))}


def _print(parts: Iterable[list[Line]], notes: Iterable[str]) -> None:
    width = None if sys.stdout.isatty() else WIDE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    for number, lines in enumerate(parts):
        if number:
            console.print()
        console.print(_table(lines))
    for note in notes:
        console.print(Text(f"\n{note}", "dim"))


def _table(lines: Sequence[Line]) -> Table:
    written = any(line.price is not None and _writes(line.price) for line in lines)
    names = [name for name in COLUMNS if written or name != WRITTEN]
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("model", "provider", *names, "from"):
        justify: Literal["left", "right"] = "right" if name in names else "left"
        table.add_column(Text(name), justify=justify, overflow="fold")
    for line in lines:
        money = {} if line.price is None else _money_of(line.price)
        cells = [money.get(name, "") for name in names]
        style = "yellow" if line.price is None else ""
        table.add_row(*map(Text, (line.model, line.provider, *cells)), Text(line.origin, style))
        for said, below in () if line.price is None else _below(line.price, "  "):
            cells = [below.get(name, "") for name in names]
            table.add_row(*(Text(cell, "dim") for cell in (said, "", *cells, "")))
    return table


def _writes(price: Price) -> bool:
    """Say whether what is written to a cache has a price of its own."""
    return any(each is not None for each in (price.cache_write, price.cache_write_1h))


def _money_of(price: Price) -> dict[str, str]:
    cached = price.input if price.cached_input is None else price.cached_input
    return {
        **_told_of(input=price.input, cached=cached, output=price.output),
        **_told_of(written=price.cache_write),
        CALL: _money(_scaled(price.per_request, 9)) if price.per_request else "",
    }


def _below(price: Price, indent: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what stands below a price: tokens that cost otherwise, and longer prompts."""
    kinds = {
        "kept for 1 hour": _told_of(written=price.cache_write_1h),
        "reasoning": _told_of(output=price.reasoning),
        "audio": _told_of(
            input=price.audio_input, cached=price.cached_audio, output=price.audio_output
        ),
        "images": _told_of(
            input=price.image_input, cached=price.cached_image, output=price.image_output
        ),
    }
    for kind, cells in kinds.items():
        if cells:
            yield f"{indent}{kind}", cells
    for above, tier in price.tiers:
        yield f"{indent}input above {above:,} tokens", _money_of(tier)
        yield from _below(tier, f"{indent}  ")


def _told_of(**picos: int | None) -> dict[str, str]:
    return {name: _money(_scaled(each, 6)) for name, each in picos.items() if each is not None}


def _scaled(value: int, places: int) -> Decimal:
    return Decimal(value).scaleb(-places)


def _money(dollars: Decimal) -> str:
    """Write dollars with cents, and with what is below them where there is any."""
    whole, _, part = f"{dollars:f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2}"
