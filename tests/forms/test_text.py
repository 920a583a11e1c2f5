"""What may pass as text."""

import pytest

from gateway.forms.text import has_controls, is_utf8, one_line, without_halves


@pytest.mark.parametrize("filler", [0, 200_000])
@pytest.mark.parametrize(
    ("data", "good"),
    [
        (b"", True),
        (b"plain", True),
        ("é € \U0001f468".encode(), True),
        (b"\xff", False),
        (b"\xc3", False),
        (b"\xed\xa0\x80", False),
        (b"\xc0\x80", False),
    ],
)
def test_utf8_is_told_from_other_bytes_in_short_texts_and_long(
    data: bytes, good: bool, filler: int
) -> None:
    assert is_utf8(b"x" * filler + data) is good


@pytest.mark.parametrize("before", range(65_530, 65_540))
def test_a_character_may_lie_across_the_stride(before: int) -> None:
    data = b"x" * before + "\U0001f468".encode() * 3
    assert is_utf8(data)
    assert not is_utf8(data[:-1])


@pytest.mark.parametrize(
    "bad", ["\x00", "\n", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud83d"]
)
def test_controls_are_found_and_taken_out(bad: str) -> None:
    assert has_controls(f"a{bad}b")
    assert one_line(f"a{bad}{bad}b", 10) == "a b"


def test_ordinary_text_holds_no_controls() -> None:
    assert not has_controls("gpt-4o é € \U0001f468")


def test_a_long_line_is_cut_and_says_so() -> None:
    assert one_line("x" * 10, 10) == "x" * 10
    assert one_line("x" * 11, 10) == "x" * 9 + "…"
    assert len(one_line("x" * 1_000_000, 10)) == 10


def test_what_is_cut_says_so_however_little_of_it_is_shown() -> None:
    assert one_line("\n" * 20 + "x", 10) == "…"
    assert one_line("a" + "\n" * 19 + "x", 10) == "a…"


@pytest.mark.parametrize(
    ("json", "whole"),
    [
        (b'"\\ud83d"', b'"\\ufffd"'),
        (b'"\\uDE00x"', b'"\\ufffdx"'),
        (b'"\\ud83d\\ude00"', b'"\\ud83d\\ude00"'),
        (b'"\\\\ud83d"', b'"\\\\ud83d"'),
        (b'"\\u00e9"', b'"\\u00e9"'),
    ],
)
def test_half_a_pair_of_surrogates_is_taken_out_a_pair_is_not(json: bytes, whole: bytes) -> None:
    assert without_halves(json) == whole
