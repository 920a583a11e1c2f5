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
    cost_of_text,
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
MAYBE = st.none() | RATES
FLAT = st.builds(Price, RATES, RATES, MAYBE, MAYBE, MAYBE, COUNTS, st.just(()), *[MAYBE] * 7)


@st.composite
def shares(draw: st.DrawFn, whole: int, parts: int) -> list[int]:
    """Draw parts that are together no more than the whole."""
    found: list[int] = []
    for _ in range(parts):
        found.append(draw(st.integers(0, whole - sum(found))))
    return found


@st.composite
def usages(draw: st.DrawFn, *, text_alone: bool = False) -> Usage:
    """Draw what an honest provider reports: parts are no more than the whole.

    Where text alone is cached, sound and pictures are not.
    """
    whole, spoken = draw(COUNTS), draw(COUNTS)
    audio, images = draw(shares(whole, 2))
    cached, written = draw(shares(whole - audio - images if text_alone else whole, 2))
    thought, said, drawn = draw(shares(spoken, 3))
    hour = draw(st.integers(0, written))
    return Usage(whole, spoken, cached, thought, written, hour, audio, said, images, drawn)


def exact(usage: Usage, price: Price) -> Fraction:
    """Return what a call costs in nano-dollars, with nothing rounded.

    Its tokens lie in a row, text first, then images, then audio: the cache has had the beginning,
    and has got what comes next as far as it is text.
    """
    audio = usage.audio_input_tokens if price.audio_input is not None else 0
    images = usage.image_input_tokens if price.image_input is not None else 0
    text, cached = usage.input_tokens - audio - images, usage.cached_tokens
    written = range(min(cached, text), min(cached + usage.cache_write_tokens, text))
    write = [price.cache_write, price.input]
    hour = min(usage.cache_write_1h_tokens, len(written))
    picos = Fraction(hour * first(price.cache_write_1h, *write))
    picos += (len(written) - hour) * first(*write)
    picos += (max(text - cached, 0) - len(written)) * price.input
    picos += min(cached, text) * first(price.cached_input, price.input)
    for begin, count, fresh, kept in (
        (text, images, price.image_input, price.cached_image),
        (text + images, audio, price.audio_input, price.cached_audio),
    ):
        had = len(range(begin, min(begin + count, cached)))
        picos += had * first(kept, fresh, 0) + (count - had) * first(fresh, 0)
    picos += usage.reasoning_tokens * first(price.reasoning, price.output)
    picos += usage.audio_output_tokens * first(price.audio_output, price.output)
    picos += usage.image_output_tokens * first(price.image_output, price.output)
    picos += (usage.output_tokens - spoken_parts(usage)) * price.output
    return picos / 1000 + price.per_request


def first(*prices: int | None) -> int:
    return next(price for price in prices if price is not None)


def spoken_parts(usage: Usage) -> int:
    return usage.reasoning_tokens + usage.audio_output_tokens + usage.image_output_tokens


def joined(one: Usage, other: Usage) -> Usage:
    pairs = zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True)
    return Usage(*(first + second for first, second in pairs))


def scaled(price: Price, factor: int) -> Price:
    """Return a price that is so much dearer, and is of whole nano-dollars for a factor of 1000."""
    values = msgspec.structs.asdict(price)
    more = {name: each and each * factor for name, each in values.items() if name != "tiers"}
    return msgspec.structs.replace(price, **more)


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


TEXT = usages(text_alone=True)


@given(TEXT, TEXT, FLAT.map(lambda price: msgspec.structs.replace(price, per_request=0)))
def test_calls_cost_together_what_they_cost_alone(one: Usage, other: Usage, price: Price) -> None:
    apart = cost_of(one, price) + cost_of(other, price)
    together = cost_of(joined(one, other), price)
    assert together == MOST_NANOS or abs(together - apart) <= 1


CHEAP = st.integers(0, 1_000_000)
FEW = st.builds(Price, CHEAP, CHEAP, *[st.none() | CHEAP] * 3)


@given(TEXT, TEXT, FEW.map(lambda price: scaled(price, 1000)))
def test_of_whole_nano_dollars_the_sum_is_exact(one: Usage, other: Usage, price: Price) -> None:
    assert cost_of(one, price) + cost_of(other, price) == cost_of(joined(one, other), price)


ONE_MORE = (
    *(Usage(1), Usage(1, cached_tokens=1), Usage(1, cache_write_tokens=1)),
    Usage(1, cache_write_tokens=1, cache_write_1h_tokens=1),
    *(Usage(1, audio_input_tokens=1), Usage(1, image_input_tokens=1)),
    *(Usage(0, 1), Usage(0, 1, reasoning_tokens=1)),
    *(Usage(0, 1, audio_output_tokens=1), Usage(0, 1, image_output_tokens=1)),
)


def discounted(price: Price) -> Price:
    """Return a price that takes no more for audio and images that were cached."""
    pairs = {
        "cached_audio": (price.audio_input, price.cached_audio),
        "cached_image": (price.image_input, price.cached_image),
    }
    capped = {
        name: min(fresh, kept)
        for name, (fresh, kept) in pairs.items()
        if fresh is not None and kept is not None
    }
    return msgspec.structs.replace(price, **capped)


@given(usages(), FLAT.map(discounted), st.sampled_from(ONE_MORE), COUNTS)
def test_one_token_more_of_whatever_kind_never_costs_less(
    usage: Usage, price: Price, more: Usage, above: int
) -> None:
    assert cost_of(joined(usage, more), price) >= cost_of(usage, price)
    tiered = msgspec.structs.replace(price, tiers=((above, scaled(price, 2)),))
    assert cost_of(joined(usage, more), tiered) >= cost_of(usage, tiered)
    assert cost_of(usage, tiered) >= cost_of(usage, price)


@given(usages(), FLAT, st.integers(1, 3))
def test_a_dearer_price_never_costs_less(usage: Usage, price: Price, factor: int) -> None:
    assert cost_of(usage, scaled(price, factor)) >= cost_of(usage, price)


HUGE = st.integers(-(2**200), 2**200)


@given(st.builds(Usage, *[HUGE] * len(Usage.__struct_fields__)), FLAT)
def test_no_usage_costs_less_than_nothing_or_more_than_a_ledger_holds(
    usage: Usage, price: Price
) -> None:
    assert 0 <= cost_of(usage, price) <= MOST_NANOS


def test_what_is_written_to_a_cache_costs_by_how_long_it_is_kept() -> None:
    usage = Usage(1000, 0, cached_tokens=100, cache_write_tokens=300, cache_write_1h_tokens=50)
    price = Price(2000, cached_input=1000, cache_write=3000, cache_write_1h=4000)
    assert cost_of(usage, price) == 600 * 2 + 100 + 250 * 3 + 50 * 4
    assert cost_of(usage, Price(2000, cache_write=3000)) == 700 * 2 + 300 * 3
    assert cost_of(usage, Price(2000, cache_write_1h=4000)) == 950 * 2 + 50 * 4
    assert cost_of(usage, Price(2000)) == 2000


def test_sound_and_pictures_cost_what_is_said_of_them_or_what_text_does() -> None:
    usage = Usage(
        *(1000, 500),
        audio_input_tokens=300,
        image_input_tokens=200,
        audio_output_tokens=100,
        image_output_tokens=50,
    )
    price = Price(1000, 2000, audio_input=9000, audio_output=7000, image_output=5000)
    assert cost_of(usage, price) == 700 + 300 * 9 + 350 * 2 + 100 * 7 + 50 * 5
    assert cost_of(usage, Price(1000, 2000, image_input=3000)) == 800 + 200 * 3 + 500 * 2
    assert cost_of(usage, Price(1000, 2000)) == 1000 + 1000


def test_of_what_was_cached_text_is_taken_first_then_images_then_audio() -> None:
    price = Price(
        *(2000, 0, 1000),
        audio_input=30_000,
        cached_audio=3000,
        image_input=20_000,
        cached_image=10_000,
    )
    costs = [
        cost_of(
            Usage(30, cached_tokens=cached, audio_input_tokens=10, image_input_tokens=10), price
        )
        for cached in (0, 5, 10, 11, 20, 21, 30, 40)
    ]
    assert costs == [520, 515, 510, 500, 410, 383, 140, 140]
    undiscounted = Price(2000, 0, 1000, audio_input=30_000, image_input=20_000)
    usage = Usage(30, cached_tokens=30, audio_input_tokens=10, image_input_tokens=10)
    assert cost_of(usage, undiscounted) == 10 + 200 + 300


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
        ("api.openai.com", "whisper-1"),
        ("generativelanguage.googleapis.com", "gemini-2.5-flash-image"),
        ("generativelanguage.googleapis.com", "gemini-omni-flash-preview"),
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
            told = msgspec.structs.asdict(price)
            assert told.pop("tiers") == price.tiers
            assert all(value is None or value >= 0 for value in told.values())


def test_the_table_tells_what_costs_otherwise() -> None:
    claude = of("api.anthropic.com", "claude-sonnet-4-5")
    assert claude is not None
    assert (claude.price.cache_write, claude.price.cache_write_1h) == (3_750_000, 6_000_000)
    assert claude.price.tiers[0][1].cache_write_1h == 12_000_000
    audio = of("api.openai.com", "gpt-audio-2026-01-01")
    assert audio is not None
    assert (audio.price.audio_input, audio.price.audio_output) == (32_000_000, 64_000_000)
    drawing = of("api.openai.com", "gpt-image-1.5")
    assert drawing is not None
    assert (drawing.price.image_input, drawing.price.image_output) == (8_000_000, 32_000_000)


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


@given(read=st.integers(0, 10**7), written=st.integers(0, 10**7), tier=st.integers(0, 10**6))
def test_plain_text_costs_the_same_whoever_counts_it(read: int, written: int, tier: int) -> None:
    dearer = Price(5_000_001, 20_000_003, 1, 2, 3, 7)
    price = Price(2_500_001, 10_000_003, 1, 2, 3, 5, ((tier, dearer),))
    assert cost_of_text(read, written, price) == cost_of(Usage(read, written), price)
