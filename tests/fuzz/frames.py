"""AWS's binary event stream, and what is read in it: the same however it is cut."""

from gateway.forms import Reader, bedrock, messages
from gateway.forms.chat import read_request
from gateway.forms.event_stream import MEDIA, Frames, Message
from gateway.words.answer import Piece
from gateway.words.errors import UpstreamFailure
from tests.framed import message
from tests.fuzz.cuts import cut, has_no_controls, head_off

LONGEST = 4096
NAMES = (
    "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop",
    "metadata", "chunk", "throttlingException",
)  # fmt: skip
"""Events and an exception; a line of an input begins with a number that says which it is."""

CHAT = read_request("chat", b'{"model":"m","messages":[{}],"stream":true}')
CLAUDE = messages.read_request(
    "chat",
    b'{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"x"}]}',
    {},
)


def frames(data: bytes) -> None:
    """Oracle: cuts change nothing; what has sound checks is read whole, and the rest ends it."""
    seed, data = head_off(data)
    kind, body = head_off(data)
    lines = body.split(b"\n")
    stream = body if kind % 2 == 0 else b"".join(map(sound, lines))
    parts = cut(stream, seed)
    found, end = split([stream])
    assert split(parts) == (found, end)
    if kind % 2:
        assert len(found) == len(lines) or end == "AnswerTooLarge"
    for begin in (converse, invoke):
        assert read(begin(), parts) == read(begin(), [stream])


def sound(line: bytes) -> bytes:
    """Return a message that holds a line."""
    which, payload = head_off(line)
    name = NAMES[which % len(NAMES)]
    kind = "exception" if name.endswith("Exception") else "event"
    return message({f":{kind}-type": name, ":message-type": kind}, payload)


def converse() -> Reader:
    return bedrock.AnswerReader(CHAT, 200, MEDIA, LONGEST, LONGEST)


def invoke() -> Reader:
    return messages.AnswerReader(CLAUDE, 200, MEDIA, LONGEST, LONGEST)


def split(parts: list[bytes]) -> tuple[list[tuple[dict[str, object], bytes]], str]:
    """Return the messages, and how it ended."""
    cutter, found = Frames(LONGEST), list[Message]()
    end = ""
    try:
        for part in parts:
            found += cutter.feed(part)
        found += cutter.feed(b"")
    except UpstreamFailure as failure:
        end = _told(failure)
    return [(dict(each.headers), each.payload) for each in found], end


def read(reader: Reader, parts: list[bytes]) -> tuple[list[Piece], str]:
    """Return the pieces, and how it ended; an answer that is too long may end sooner in parts."""
    pieces: list[Piece] = []
    if sum(map(len, parts)) > LONGEST:
        return pieces, ""
    try:
        for part in parts:
            pieces += reader.feed(part)
        pieces += reader.end()
    except UpstreamFailure as failure:
        return pieces, _told(failure)
    assert reader.ended or any(piece.fault for piece in pieces)
    return pieces, ""


def _told(failure: UpstreamFailure) -> str:
    """Return what a failure is called; its sentence may stand in a line for people."""
    assert has_no_controls(failure.message)
    return type(failure).__name__
