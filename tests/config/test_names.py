"""Names that an operator gives: one spelling each (R10, R20)."""

import pytest

from gateway.config.names import check_name, check_pattern


@pytest.mark.parametrize("name", ["gpt-5.2", "local/writer", "ein Modell", "é", "x" * 256, "模型"])
def test_a_name_with_one_spelling_is_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "the name is empty"),
        ("é" * 129, "the name is longer than 256 bytes"),
        ("a\nb", "the name holds a character that cannot be seen"),
        ("a\u202eb", "the name holds a character that cannot be seen"),
        ("a\u200b", "the name holds a character that cannot be seen"),
        (" a", "the name begins or ends with a space"),
        ("e\u0301", "the name is not in Unicode's composed form (NFC)"),
    ],
)
def test_r20_a_name_that_could_be_mistaken_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_name(name)
    assert str(caught.value) == reason


@pytest.mark.parametrize("pattern", ["gpt-5.2", "*", "gpt-*", "*a*b*c*"])
def test_a_name_and_a_few_stars_are_a_pattern(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "the name is empty"),
        (" *", "the name begins or ends with a space"),
        ("*a*b*c**", "the pattern holds more than 4 stars"),
    ],
)
def test_a_pattern_that_no_name_could_have_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_pattern(pattern)
    assert str(caught.value) == reason
