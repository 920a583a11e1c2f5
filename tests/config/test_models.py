"""`[models.NAME]`: every name is answered, by one home or several."""

from pathlib import Path

import pytest

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
            A + '[models.smart]\ntargets = ["gpt-5.2"]\nprices = {}',
            "6: models.smart.prices: unknown key; did you mean retries?",
        ),
    ],
)
def test_a_name_that_nobody_answers_is_a_mistake(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(text, tmp_path) == [f"gateway.toml:{said}"]
