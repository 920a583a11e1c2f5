"""Pieces of an answer: what is not said of them is not so."""

import pytest

from gateway.words.answer import Fault, Piece, Usage


def test_a_piece_of_which_nothing_is_known_has_no_facts() -> None:
    piece = Piece(b"data: {}\n\n")
    assert not (piece.has_content)
    assert not (piece.usage_only)
    assert not (piece.comment)
    assert (piece.usage, piece.fault, piece.model) == (None, None, None)


@pytest.mark.parametrize("fact", [Piece(b"x"), Usage(1, 2), Fault("busy", "server_error")])
def test_facts_are_not_changed_on_their_way(fact: Piece | Usage | Fault) -> None:
    with pytest.raises(AttributeError):
        setattr(fact, fact.__struct_fields__[0], None)


def test_tokens_that_nobody_told_are_none() -> None:
    assert Usage(output_tokens=2) == Usage(0, 2, 0, 0, 0, 0, 0, 0, 0, 0)
