"""The table of operations that pass as they are."""

import re

import pytest

from gateway.forms.raw_operations import OPERATIONS, is_open
from gateway.words.call import Call


def test_every_path_is_literal_and_its_own() -> None:
    """R1."""
    paths = [each.path for each in OPERATIONS.values()]
    assert len(set(paths)) == len(paths)
    assert all(re.fullmatch(r"(/[a-z]+){1,2}", path) for path in paths)


def test_only_who_has_events_says_a_last_word() -> None:
    assert all(each.events for each in OPERATIONS.values() if each.closes)


@pytest.mark.parametrize(
    ("operation", "stream", "open"),
    [
        ("embeddings", False, False),
        ("image_edit", False, False),
        ("image_edit", True, True),
        ("transcription", False, True),
        ("speech", True, True),
    ],
)
def test_what_an_answer_is_may_show_only_once_it_comes(
    operation: str, stream: bool, open: bool
) -> None:
    assert is_open(Call("raw", operation, "m", stream, True, {})) is open
