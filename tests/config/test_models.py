"""`[models.NAME]`: every name has exactly one home."""

from pathlib import Path

import pytest

from tests.config.texts import load, mistakes

A = '[providers.a]\nkind = "openai"\nmodels = ["gpt-5.2", "gpt-5.2-mini"]\n'
OPEN = '[providers.open]\nkind = "openai"\nprefix = "local/"\n'
LISTING = '[providers.lister]\nkind = "openai"\nmodels = "*"\n'
SEVERAL = "several homes of one name are not built yet"


@pytest.mark.parametrize(
    "text",
    [
        A + '[models.smart]\ntargets = ["gpt-5.2"]',
        A + '[models."gpt-5.2"]\ntimeouts = { idle = 1 }',
        OPEN + '[models]\nsmart = { targets = ["local/any/thing"] }',
        OPEN + '[models."local/writer"]\ntimeouts = { total = 1 }',
        LISTING + '[models.smart]\ntargets = ["whatever"]',
        "[models]",
    ],
)
def test_a_name_with_one_home_is_taken(tmp_path: Path, text: str) -> None:
    load(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            A + '[models.smart]\ntargets = ["gpt-5.2", "gpt-5.2-mini"]',
            f"5: models.smart.targets: names 2 targets: {SEVERAL}",
        ),
        (
            A + '[models.smart]\ntargets = ["gpt-5"]',
            '5: models.smart.targets: no provider offers "gpt-5"; did you mean gpt-5.2?',
        ),
        (
            A + '[models."gpt-52"]\ntimeouts = { idle = 1 }',
            "4: models.gpt-52: no provider offers this name, and it has no targets"
            "; did you mean gpt-5.2?",
        ),
        (
            A + '[models."gpt-5.2"]\ntargets = ["gpt-5.2-mini"]',
            f'5: models."gpt-5.2".targets: a offers this name itself: {SEVERAL}',
        ),
        (
            LISTING + '[models.x]\ntargets = ["y"]\n[models.y]\ntargets = ["z"]',
            "5: models.x.targets: a target is a provider's model, not another name with targets",
        ),
        (
            A + A.replace(".a]", ".b]").replace('"gpt-5.2", ', ""),
            f'6: providers.b.models: "gpt-5.2-mini" is offered by a too: {SEVERAL}',
        ),
        (
            OPEN + OPEN.replace(".open]", ".again]"),
            f"6: providers.again.prefix: is the prefix of open too: {SEVERAL}",
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
            "6: models.smart.prices: unknown key (known here: targets, timeouts)",
        ),
    ],
)
def test_a_name_with_several_homes_or_none_is_a_mistake(
    tmp_path: Path, text: str, said: str
) -> None:
    assert mistakes(text, tmp_path) == [f"gateway.toml:{said}"]
