"""What LiteLLM was told that a model costs: dollars for one token there, for a million here."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from gateway.commands.moving.reading import Table, number
from gateway.config.lines import Key

COSTS: Final[Mapping[str, str]] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_image_token": "image_output",
}
"""LiteLLM's words, and ours for the same tokens."""

A_CALL: Final = "input_cost_per_request"
HIGHEST: Final = 1_000_000.0
DEARER: Final = (
    "another deployment of this name costs otherwise, and here a name has one price: the dearer"
    " counts."
)

Prices = dict[str, float]


def prices_of(tables: Iterable[tuple[Key, Table]]) -> tuple[Prices, dict[Key, str]]:
    """Return what a deployment costs, and of which words that comes; the first table counts."""
    found: Prices = {}
    sources: dict[Key, str] = {}
    for path, said in tables:
        for name, ours in (*COSTS.items(), (A_CALL, "per_request")):
            cost = number(said.get(name))
            if cost is None:
                continue
            dollars = cost if name == A_CALL else float(Decimal(str(cost)) * 1_000_000)
            if dollars <= HIGHEST:
                found.setdefault(ours, dollars)
                sources[*path, name] = "prices"
    if found:
        # Where one of the two is said, the other costs nothing to LiteLLM.
        found = {"input": found.pop("input", 0.0), "output": found.pop("output", 0.0), **found}
    return found, sources


def dearer(one: Prices, other: Prices) -> Prices:
    """Return the price that is the higher of two, token by token."""
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in one | other}
