"""What calls cost, exactly; and what the table that comes with the gateway holds."""

from fractions import Fraction
from pathlib import Path
from time import perf_counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy import prices as room
from gateway.policy.prices import (
    FREE,
    MOST_NANOS,
    OPEN_WEIGHTS,
    WELL_KNOWN,
    Found,
    Price,
    Prices,
    ProviderPrices,
    Table,
    bundled,
    cost_of,
    is_local,
    nanos,
    picos_a_token,
)
from gateway.words.answer import Usage

FILE = Path(room.__file__).with_name(room.FILE)
LARGEST_BYTES = 300_000
LONGEST_LOAD = 0.03

COUNTS = st.integers(0, 10_000_000)
RATES = st.integers(0, 1_000_000_000_000)
FLAT = st.builds(
    Price, RATES, RATES, st.none() | RATES, st.none() | RATES, st.none() | RATES, COUNTS
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Draw what an honest provider reports: parts are no more than the whole."""
    whole, spoken = draw(COUNTS), draw(COUNTS)
    return Usage(whole, spoken, draw(st.integers(0, whole)), draw(st.integers(0, spoken)))


def exact(usage: Usage, price: Price) -> Fraction:
    """Return what a call costs in nano-dollars, with nothing rounded."""
    cached = price.input if price.cached_input is None else price.cached_input
    reasoning = price.output if price.reasoning is None else price.reasoning
    picos = (
        Fraction(usage.input_tokens - usage.cached_tokens) * price.input
        + Fraction(usage.cached_tokens) * cached
        + Fraction(usage.output_tokens - usage.reasoning_tokens) * price.output
        + Fraction(usage.reasoning_tokens) * reasoning
    )
    return picos / 1000 + price.per_request


def joined(one: Usage, other: Usage) -> Usage:
    pairs = zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True)
    return Usage(*(first + second for first, second in pairs))


def of(host: str, model: str, kind: str = "openai") -> Found | None:
    return Prices({}).find(kind, host, model)


def test_a_call_costs_its_tokens_by_kind_and_itself() -> None:
    price = Price(2_000_000, 10_000_000, 200_000, None, 20_000_000, 5_000_000)
    # Of 1,000 tokens 400 were kept, of 100 there were 30 thoughts; half a cent is for the call.
    usage = Usage(1000, 100, 400, 30)
    picos = 600 * 2_000_000 + 400 * 200_000 + 70 * 10_000_000 + 30 * 20_000_000
    assert cost_of(usage, price) == picos // 1000 + 5_000_000
    assert cost_of(Usage(), price) == 5_000_000


def test_kinds_without_a_price_of_their_own_cost_what_the_others_do() -> None:
    assert cost_of(Usage(10, 20, 5, 5), Price(1000, 2000)) == 10 + 40


def test_half_a_nano_dollar_is_rounded_up_and_once_a_call() -> None:
    assert [cost_of(Usage(count), Price(100)) for count in (4, 5, 14, 15)] == [0, 1, 1, 2]
    assert cost_of(Usage(2, 3), Price(100, 100)) == 1


def test_above_a_tier_the_whole_call_costs_more() -> None:
    tiers = ((200, Price(2000, 3000)), (300, Price(4000, 5000)))
    price = Price(1000, 1000, tiers=tiers)
    costs = [cost_of(Usage(count, 1), price) for count in (0, 200, 201, 300, 301)]
    assert costs == [1, 201, 402 + 3, 600 + 3, 1204 + 5]


@given(usages(), FLAT)
def test_the_cost_is_exact_but_for_one_rounding(usage: Usage, price: Price) -> None:
    error = min(exact(usage, price), Fraction(MOST_NANOS)) - cost_of(usage, price)
    assert -Fraction(1, 2) <= error < Fraction(1, 2)


@given(usages(), usages(), FLAT.map(lambda price: msgspec.structs.replace(price, per_request=0)))
def test_calls_cost_together_what_they_cost_alone(one: Usage, other: Usage, price: Price) -> None:
    apart = cost_of(one, price) + cost_of(other, price)
    together = cost_of(joined(one, other), price)
    assert together == MOST_NANOS or abs(together - apart) <= 1


@given(usages(), usages(), FLAT)
def test_of_whole_nano_dollars_the_sum_is_exact(one: Usage, other: Usage, price: Price) -> None:
    rates = [value and value // 1_000_000 * 1000 for value in msgspec.structs.astuple(price)[:5]]
    price = Price(*rates)
    assert cost_of(one, price) + cost_of(other, price) == cost_of(joined(one, other), price)


HUGE = st.integers(-(2**200), 2**200)


@given(st.builds(Usage, HUGE, HUGE, HUGE, HUGE), FLAT)
def test_no_usage_costs_less_than_nothing_or_more_than_a_ledger_holds(
    usage: Usage, price: Price
) -> None:
    assert 0 <= cost_of(usage, price) <= MOST_NANOS


def test_parts_that_are_more_than_the_whole_count_as_the_whole() -> None:
    price = Price(3000, 5000, 1000, None, 7000)
    assert cost_of(Usage(10, 10, 99, 99), price) == 10 + 70
    assert cost_of(Usage(10, 10, -5, -5), price) == 30 + 50
    assert cost_of(Usage(-10, -10, 5, 5), price) == 0


@pytest.mark.parametrize(
    ("dollars", "picos"),
    [(2.5, 2_500_000), (0.1, 100_000), (1e-6, 1), (5e-7, 1), (4e-7, 0), (0.0028, 2800), (0.0, 0)],
)
def test_dollars_are_taken_as_they_were_written(dollars: float, picos: int) -> None:
    assert picos_a_token(dollars) == picos
    assert nanos(dollars) == round(Fraction(str(dollars)) * 10**9)


@given(st.integers(0, 10**12))
def test_six_decimals_of_dollars_are_exact(picos: int) -> None:
    assert picos_a_token(picos / 10**6) == picos


def test_the_operators_price_counts_before_the_table() -> None:
    prices = Prices({"openai/gpt-4o": Price(7)})
    host = "api.openai.com"
    assert prices.find("openai", host, "gpt-4o", "openai/gpt-4o") == Found(Price(7), None)
    assert prices.of("openai", host, "gpt-4o", "openai/gpt-4o") == Price(7)
    assert prices.of("openai", host, "gpt-4o", "other/gpt-4o") == Price(
        2_500_000, 10_000_000, 1_250_000
    )
    assert prices.of("openai", "127.0.0.1", "m") is None


def test_the_built_in_model_costs_nothing() -> None:
    assert of("echo", "echo", "echo") == Found(FREE, "echo")


@pytest.mark.parametrize(
    ("host", "model", "provider"),
    [
        ("api.openai.com", "gpt-4o", "openai"),
        ("API.OpenAI.com.", "GPT-4o", "openai"),
        ("api.openai.com", "gpt-4o-2024-08-06", "openai"),
        ("api.openai.com", "gpt-4o-20240806", "openai"),
        ("api.openai.com", "ft:gpt-4o-2024-08-06:acme::1", "openai"),
        ("api.openai.com", "text-embedding-3-small", "openai"),
        ("api.anthropic.com", "claude-sonnet-4-5-20250929", "anthropic"),
        ("generativelanguage.googleapis.com", "models/gemini-2.5-pro", "google"),
        ("us-east5-aiplatform.googleapis.com", "claude-sonnet-4-5@20250929", "google"),
        ("x.openai.azure.com", "gpt-4o", "azure"),
        ("x.openai.azure.com", "grok-4", "azure"),
        ("openrouter.ai", "anthropic/claude-sonnet-4.5", "openrouter"),
        ("gateway.example.com", "claude-opus-4-5", "anthropic"),
        ("gateway.example.com", "openai/gpt-4o", "openai"),
        ("gateway.example.com", "o3", "openai"),
    ],
)
def test_a_model_is_found_by_host_and_name(host: str, model: str, provider: str) -> None:
    found = of(host, model)
    assert found is not None
    assert found.provider in {provider, *bundled().providers[provider].also}
    assert found.price.input > 0


@pytest.mark.parametrize(
    ("host", "model"),
    [
        ("api.openai.com", "gpt-4o-in-a-dream"),
        ("api.openai.com", "my-model"),
        ("api.openai.com.example.com", "my-model"),
        ("api.anthropic.com", "gpt-4o"),
        ("openai.azure.com", "prod"),
        ("api.openai.com", "gpt-audio"),
        ("api.openai.com", "gpt-audio-2026-01-01"),
        ("api.openai.com", "whisper-1"),
        ("gateway.example.com", "gpt-oss-120b"),
        ("gateway.example.com", "llama-3.3-70b"),
        ("gateway.example.com", "azure/gpt-4o"),
        ("gateway.example.com", "openai/"),
        ("127.0.0.1", "gpt-4o"),
        ("::1", "gpt-4o"),
        ("vllm", "gpt-4o"),
        ("vllm.internal", "gpt-4o"),
    ],
)
def test_what_nobody_can_know_has_no_price(host: str, model: str) -> None:
    assert of(host, model) is None


def test_addresses_and_names_of_this_network_are_local() -> None:
    assert all(
        map(is_local, ["localhost", "10.0.0.1", "8.8.8.8", "gpu.lan", "a.b.local", "fe80::1"])
    )
    assert not any(map(is_local, ["api.openai.com", "local.example.com", "internal.ai"]))


MODELS: dict[str, Price | None] = {
    "a-1": Price(1),
    "a-1-2024-08-06": Price(2),
    "a-long": Price(3),
    "a-unpaid": None,
}
NAMES = {"other": "a-1", "aged-20240101": "a-long"}
PREFIXES = {"a-": "a-1", "a-long": "a-long", "b": "a-1", "c@": "a-long", "a-unpaid": "a-unpaid"}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("a-1", "a-1"),
        ("a-1-2024-08-06", "a-1-2024-08-06"),
        ("a-1-2025-01-01", "a-1"),
        ("a-1@20250101", "a-1"),
        ("other", "a-1"),
        ("other-2025-01-01", "a-1"),
        ("aged-20240101", "a-long"),
        ("aged-20240102", None),
        ("a-new", "a-1"),
        ("a-long-new", "a-long"),
        ("a-longer", "a-1"),
        ("b", "a-1"),
        ("b-2", "a-1"),
        ("b2", None),
        ("c@7", "a-long"),
        ("a-unpaid-x", "a-unpaid"),
        ("", None),
    ],
)
def test_a_name_means_itself_then_itself_undated_then_its_beginning(
    name: str, model: str | None
) -> None:
    assert ProviderPrices((), MODELS, NAMES, PREFIXES).model_of(name) == model


def test_a_reseller_has_its_own_price_before_the_makers() -> None:
    seller = ProviderPrices((".x.com",), {"b": Price(9), "c": None}, {}, {}, ("maker",))
    maker = ProviderPrices(("m.com",), {"a": Price(1), "b": Price(2), "c": Price(3)}, {}, {})
    table = Table("", "", "", {"seller": seller, "maker": maker})
    assert [table.find("seller", name) for name in "abcd"] == [
        Found(Price(1), "maker"),
        Found(Price(9), "seller"),
        None,
        None,
    ]
    hosts = ("a.x.com", ".x.com", "x.com", "m.com", "a.m.com")
    assert [table.provider_at(host) for host in hosts] == ["seller", "seller", None, "maker", None]
    assert [row.model for row in table.rows()] == ["b", "a", "b", "c"]


def test_the_table_says_where_it_is_from_and_is_small() -> None:
    table = bundled()
    assert table.source.startswith("genai-prices 0.")
    assert len(table.date) == len("2026-11-30")
    assert "Permission is hereby granted, free of charge" in table.licence
    assert "Copyright (c) Pydantic" in table.licence
    assert FILE.stat().st_size < LARGEST_BYTES


def test_the_table_is_of_one_piece() -> None:
    table = bundled()
    seen: set[str] = set()
    for provider in table.providers.values():
        assert set(provider.also) <= set(table.providers)
        assert not seen & set(provider.hosts)
        seen.update(provider.hosts)
        for names in (provider.names, provider.prefixes):
            assert set(names.values()) <= set(provider.models)
        for name in (*provider.models, *provider.names, *provider.prefixes):
            assert name == name.lower()
    for row in table.rows():
        starts = [above for above, _ in row.price.tiers]
        assert starts == sorted(starts)
        for price in (row.price, *(tier for _, tier in row.price.tiers)):
            assert all(value is None or value >= 0 for value in msgspec.structs.astuple(price)[:6])


def test_what_is_well_known_is_in_the_table() -> None:
    providers = bundled().providers
    for prefix, maker in WELL_KNOWN:
        assert any(name.startswith(prefix) for name in providers[maker].models), prefix
    assert all(any(name.startswith(prefix) for prefix, _ in WELL_KNOWN) for name in OPEN_WEIGHTS)


def test_the_table_is_read_quickly_and_once() -> None:
    data, times = FILE.read_bytes(), []
    for _ in range(5):
        began = perf_counter()
        msgspec.json.decode(data, type=Table)
        times.append(perf_counter() - began)
    assert min(times) < LONGEST_LOAD
    assert bundled() is bundled()


def test_nothing_is_read_before_it_is_asked_for() -> None:
    room._read.cache_clear()
    Prices({"a/b": Price(1)}).of("openai", "example.com", "b", "a/b")
    of("echo", "echo", "echo")
    of("127.0.0.1", "another-model")
    assert room._read.cache_info().currsize == 0
