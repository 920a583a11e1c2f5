"""Whole answers of a model, as the corridor reads them: cuts change nothing, nothing is lost."""

from gateway.forms.chat import AnswerReader, read_request
from gateway.words.answer import Piece
from gateway.words.errors import UpstreamFailure
from tests.fuzz.cuts import cut, has_no_controls, head_off

TYPES = ("text/event-stream", "application/json", "text/plain", "")
LONGEST = 4096
CALLS = tuple(
    read_request("chat", b'{"model":"m","messages":[{}]%b}' % more)
    for more in (b"", b',"stream":true', b',"stream":true,"stream_options":{"include_usage":true}')
)


def completions(data: bytes) -> None:
    """Oracle: the same pieces and end, whole or cut; the pieces are the provider's bytes."""
    seed, data = head_off(data)
    kind, body = head_off(data)
    media, call = TYPES[kind % len(TYPES)], CALLS[kind // len(TYPES) % len(CALLS)]

    told: list[str] = []

    def read(parts: list[bytes]) -> tuple[list[Piece], str]:
        pieces: list[Piece] = []
        try:
            reader = AnswerReader(call, 200, media, LONGEST, LONGEST)
            for part in parts:
                pieces += reader.feed(part)
            pieces += reader.end()
        except UpstreamFailure as failure:
            told.append(failure.message)
            return pieces, type(failure).__name__
        assert reader.ended or any(piece.fault for piece in pieces)
        return pieces, ""

    pieces, end = read([body])
    again, same_end = read(cut(body, seed))
    assert all(map(has_no_controls, told))
    if end == same_end == "":
        assert again == pieces
    else:
        # A body that is too long may be refused earlier where it comes in parts.
        count = min(len(again), len(pieces))
        assert again[:count] == pieces[:count]
        assert (end == "") == (same_end == "") or "AnswerTooLarge" in {end, same_end}
    faults = [piece for piece in pieces if piece.fault is not None]
    assert faults in ([], pieces[-1:])
