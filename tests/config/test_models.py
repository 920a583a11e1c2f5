"""`[models.NAME]`: every name is answered, by one home or several."""

from pathlib import Path

import pytest

from gateway.config.homes import homes_of
from gateway.config.models import overrides_of
from gateway.policy.prices import Price
from tests.config.texts import load, mistakes

A = '[providers.a]\nkind = "openai"\nmodels = ["gpt-5.2", "gpt-5.2-mini"]\n'
OPEN = '[providers.open]\nkind = "openai"\nprefix = "local/"\n'
LISTING = '[providers.lister]\nkind = "openai"\nmodels = "*"\n'
AGAIN = A.replace(".a]", ".b]").replace('"gpt-5.2", ', "")


@pytest.mark.parametrize(
    "text",
    [
        A + '[models.smart]\ntargets = ["gpt-5.2"]',
        A + '[models."gpt-5.2"]\ntimeouts = { idle = 1 }',
        OPEN + '[models]\nsmart = { targets = ["local/any/thing"] }',
        OPEN + '[models."local/writer"]\ntimeouts = { total = 1 }',
        LISTING + '[models.smart]\ntargets = ["whatever"]',
        A + '[models.smart]\ntargets = ["gpt-5.2", "gpt-5.2-mini"]\norder = ["a"]',
        A + AGAIN,
        A + AGAIN + '[models."gpt-5.2-mini"]\norder = ["b", "a"]',
        A + '[models.smart]\ntargets = ["gpt-5.2", "echo"]\norder = ["echo"]',
        A + '[defaults]\norder = ["echo", "a"]',
        OPEN + OPEN.replace(".open]", ".again]"),
        LISTING + LISTING.replace(".lister]", ".again]"),
        "[models]",
    ],
)
def test_a_name_with_one_home_or_several_is_taken(tmp_path: Path, text: str) -> None:
    load(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            A + '[models.smart]\ntargets = ["gpt-5.2", "gpt-5.2"]',
            "5: models.smart.targets[1]: stands here twice",
        ),
        (
            A + '[models.smart]\ntargets = ["gpt-5.2"]\norder = ["b"]',
            "6: models.smart.order[0]: unknown provider (known here: a, echo)",
        ),
        (
            A + '[defaults]\norder = ["ecko"]',
            "5: defaults.order[0]: unknown provider; did you mean echo?",
        ),
        (
            A + '[defaults]\norder = ["a", "a"]',
            "5: defaults.order[1]: stands here twice",
        ),
        (
            A + '[defaults]\nstrategy = "fast"',
            '5: defaults.strategy: expected "order" or "spread" or "fastest", got "fast"'
            "; did you mean fastest?",
        ),
        (
            A + '[models.smart]\ntargets = ["gpt-5"]',
            '5: models.smart.targets[0]: no provider offers "gpt-5"; did you mean gpt-5.2?',
        ),
        (
            A + '[models."gpt-52"]\ntimeouts = { idle = 1 }',
            "4: models.gpt-52: no provider offers this name, and it has no targets"
            "; did you mean gpt-5.2?",
        ),
        (
            A + '[models."gpt-5.2"]\ntargets = ["gpt-5.2-mini"]',
            '5: models."gpt-5.2".targets: "a" offers this name itself, so it has no targets',
        ),
        (
            LISTING + '[models.x]\ntargets = ["y"]\n[models.y]\ntargets = ["z"]',
            "5: models.x.targets[0]: a target is a provider's model, not another name with targets",
        ),
        (
            '[models]\n" x" = {}',
            '2: models." x": the name begins or ends with a space',
        ),
        (
            "[models]\nx = 1",
            "2: models.x: expected a table, got a whole number",
        ),
        (
            A + '[models.smart]\ntargets = ["gpt-5.2"]\nprice = {}',
            "6: models.smart.price: unknown key; did you mean prices?",
        ),
        (
            A + '[models.smart]\ntargets = ["gpt-5.2"]\nprices = { input = 1, output = 2 }',
            "6: models.smart.prices: stands for several models, each with its own: set the prices"
            " of its targets",
        ),
        (
            A + '[models."gpt-5.2"]\nprices = { input = 1 }',
            '5: models."gpt-5.2".prices.output: is missing',
        ),
        (
            A + '[models."gpt-5.2"]\nprices = { input = -1, output = 2 }',
            '5: models."gpt-5.2".prices.input: expected a number >= 0.0',
        ),
    ],
)
def test_a_name_that_nobody_answers_is_a_mistake(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(text, tmp_path) == [f"gateway.toml:{said}"]


def overrides(text: str, folder: Path) -> dict[str, Price]:
    config = load(text, folder)
    return overrides_of(config.models, homes_of(config).offers)


def test_prices_hold_at_every_home_that_a_name_may_have(tmp_path: Path) -> None:
    other = '[providers.b]\nkind = "openai"\nmodels = { "gpt-5.2" = "prod" }\n'
    said = "prices = { input = 1.75, output = 14, cached_input = 0.175 }"
    price = Price(1_750_000, 14_000_000, 175_000)
    text = f'{A}{other}{LISTING}{OPEN}[models."gpt-5.2"]\n{said}'
    found = dict.fromkeys(["a/gpt-5.2", "b/prod", "lister/gpt-5.2"], price)
    assert overrides(text, tmp_path) == found
    text = f"{OPEN}[models]\n'local/writer' = {{ {said} }}\n'local/x' = {{ prefill = true }}"
    assert overrides(text, tmp_path) == {"open/writer": price}


def test_every_price_is_taken_in_its_own_unit(tmp_path: Path) -> None:
    said = (
        "input = 0.1, output = 0.000001, cached_input = 0, cache_write = 3.75, reasoning = 2,"
        " per_request = 0.005, cache_write_1h = 6, audio_input = 32, cached_audio = 0.4,"
        " audio_output = 64, image_input = 5, cached_image = 0.5, image_output = 40"
    )
    text = f'{A}[models."gpt-5.2"]\nprices = {{ {said} }}'
    kept = (6_000_000, 32_000_000, 400_000, 64_000_000, 5_000_000, 500_000, 40_000_000)
    price = Price(100_000, 1, 0, 3_750_000, 2_000_000, 5_000_000, (), *kept)
    assert overrides(text, tmp_path) == {"a/gpt-5.2": price}


def test_of_two_names_for_one_target_the_first_says_its_price(tmp_path: Path) -> None:
    two = '[providers.b]\nkind = "openai"\nmodels = { x = "m", y = "m" }\n'
    text = (
        f"{two}[models]\ny.prices = {{ input = 1, output = 1 }}\n"
        "x.prices = { input = 2, output = 2 }"
    )
    assert overrides(text, tmp_path) == {"b/m": Price(1_000_000, 1_000_000)}


def test_an_empty_table_of_prices_is_none(tmp_path: Path) -> None:
    assert overrides(f'{A}[models."gpt-5.2"]\nprices = {{}}', tmp_path) == {}
