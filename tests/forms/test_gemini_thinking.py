"""How Gemini's models think, by their names."""

import pytest

from gateway.forms.gemini_thinking import thinking_of


@pytest.mark.parametrize(
    ("model", "told_as", "must_sign"),
    [
        ("gemini-1.5-pro", "", False),
        ("gemini-2.0-flash-001", "", False),
        ("gemma-3-27b-it", "", False),
        ("gemini-2.5-flash-image", "", False),
        ("gemini-2.5-flash-preview-tts", "", False),
        ("gemini-2.5-flash", "thinkingBudget", False),
        ("gemini-2.5-pro-preview-06-05", "thinkingBudget", False),
        ("gemini-robotics-er-1.5-preview", "thinkingBudget", False),
        ("models/learnlm-2.0-flash-experimental", "", False),
        ("gemini-10-flash", "thinkingLevel", True),
        ("gemini-3-pro-preview", "thinkingLevel", True),
        ("gemini-3.1-flash-lite", "thinkingLevel", True),
        ("models/gemini-flash-latest", "thinkingLevel", True),
        ("tunedModels/mine", "thinkingLevel", True),
    ],
)
def test_a_name_tells_the_family(model: str, told_as: str, must_sign: bool) -> None:
    thinking = thinking_of(model)
    assert (thinking.told_as, thinking.must_sign) == (told_as, must_sign)
    assert bool(thinking.efforts) is bool(told_as)
