"""Bugs of the forms that other clients speak, planted as those in `bugs.py` are.

They show in worlds in which other forms are spoken (see `spoken.py`), and nowhere else.
"""

from typing import Any

from gateway.forms import messages_write, responses_write
from gateway.words.answer import Piece
from gateway.words.errors import GatewayError
from tests.simulation.bugs import Change

_WRITERS: tuple[Any, ...] = (messages_write.AnswerWriter, responses_write.AnswerWriter)


def a_last_word_follows_an_error() -> list[Change]:
    def changed(true: Any, last: bytes) -> Any:
        def error(self: Any, error: GatewayError) -> bytes:
            told: bytes = true(self, error)
            return told and told + b'event: %b\ndata: {"type":"%b"}\n\n' % (last, last)

        return error

    lasts = (b"message_stop", b"response.completed")
    return [
        (writer, "error", changed(writer.error, last))
        for writer, last in zip(_WRITERS, lasts, strict=True)
    ]


def a_last_word_is_not_said() -> list[Change]:
    return [(writer, "end", lambda self: b"") for writer in _WRITERS]


def of_several_pieces_only_the_last_is_told() -> list[Change]:
    def changed(true: Any) -> Any:
        def write(self: Any, pieces: list[Piece]) -> bytes:
            told: bytes = true(self, pieces[-1:])
            return told

        return write

    return [(writer, "write", changed(writer.write)) for writer in _WRITERS]


def pieces_are_told_twice_in_other_words() -> list[Change]:
    def changed(true: Any) -> Any:
        def write(self: Any, pieces: list[Piece]) -> bytes:
            told: bytes = true(self, [each for piece in pieces for each in (piece, piece)])
            return told

        return write

    return [(writer, "write", changed(writer.write)) for writer in _WRITERS]


def a_keepalive_falls_silent_in_other_words() -> list[Change]:
    """What is told to a waiting client is taken for an answer."""
    return [(writer, "keepalive", lambda self: b"data: {}\n\n") for writer in _WRITERS]
