"""Answers that broke off and are gone on with: joined they are whole, or nothing is passed.

All pieces are read by the form's own reader, and what a client has is read from the bytes written.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import httpx2
import openai
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.forms.chat import AnswerReader, AnswerWriter
from gateway.forms.chat_resume import (
    MAX_RESUMED_CHARS,
    PROBE_CHARS,
    Delivered,
    Differs,
    Join,
)
from gateway.forms.sse import Splitter
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call

LIMIT = 1 << 24
CALL = Call("chat", "chat", "small", True, True, {})
LONG = "Nobody begins a story twice in the same words, unless it is asked to."

USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
FAULT = b'data: {"error":{"message":"Oh"}}\n\n'
COMMENT = b": still here\n\n"


@dataclass(frozen=True)
class Style:
    """How a provider writes its events."""

    ascii: bool = False
    end: str = "\n"
    lines: bool = False
    named: bool = False
    role_each_time: bool = False
    extra: dict[str, object] = field(default_factory=dict)

    def event(self, delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        chunk = {**head, "choices": [choice], "usage": None, **self.extra}
        text = json.dumps(chunk, ensure_ascii=self.ascii, indent=1 if self.lines else None)
        lines = ["event: message"] if self.named else []
        lines += [f"data: {line}" for line in text.split("\n")]
        return "".join(line + self.end for line in [*lines, ""]).encode()

    def content(self, text: str, finish: str | None = None) -> bytes:
        role = {"role": "assistant"} if self.role_each_time else {}
        return self.event({**role, "content": text}, finish)


PLAIN = Style()
OPENING = PLAIN.event({"role": "assistant", "content": "", "refusal": None})
CLOSING = PLAIN.event({}, "stop")

styles = st.builds(
    Style,
    ascii=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    lines=st.booleans(),
    named=st.booleans(),
    role_each_time=st.booleans(),
    extra=st.sampled_from([{}, {"obfuscation": "\u00e9\\/"}, {"service_tier": None, "n": 1.50}]),
)


def whole(texts: Iterable[str], style: Style = PLAIN, *, finish_last: bool = False) -> bytes:
    """Write an answer as a provider does, with all that stands between its words."""
    parts = list(texts)
    last = [style.content(parts.pop(), "stop")] if finish_last and parts else []
    ending = last or [style.event({}, "stop")]
    return b"".join([begun(parts, style), *ending, USAGE, b"data: [DONE]\n\n"])


def begun(texts: Iterable[str], style: Style = PLAIN) -> bytes:
    """Write an answer that is not at its end."""
    events = [COMMENT, style.event({"role": "assistant", "content": ""})]
    return b"".join([*events, *(style.content(text) for text in texts)])


def pieces_of(stream: bytes) -> list[Piece]:
    """Return what the form's reader makes of these bytes."""
    reader = AnswerReader(CALL, 200, "text/event-stream", LIMIT, LIMIT)
    return reader.feed(stream)


def cut(text: str, places: Iterable[int]) -> list[str]:
    """Cut a text at these places; some parts may be empty."""
    ends = sorted(place % (len(text) + 1) for place in places)
    return [text[begin:end] for begin, end in pairwise([0, *ends, len(text)])]


@dataclass(frozen=True)
class Arrival:
    """How an answer arrives: cut at places, in a style, in reads of so many pieces and the rest."""

    cuts: Sequence[int] = ()
    style: Style = PLAIN
    reads: Sequence[int] = ()
    finish_last: bool = False

    def of(self, text: str) -> bytes:
        return whole(cut(text, self.cuts), self.style, finish_last=self.finish_last)


AT_ONCE = Arrival()
FINISH_LAST = Arrival(finish_last=True)


def the_piece(stream: bytes) -> Piece:
    (piece,) = pieces_of(stream)
    return piece


def deltas(pieces: list[Piece]) -> list[dict[str, object]]:
    """Return what a client finds in the bytes that are written for these pieces."""
    sent = AnswerWriter(CALL).write(pieces)
    chunks = [json.loads(event.data) for event in Splitter(LIMIT).feed(sent) if event.data]
    return [choice["delta"] for chunk in chunks for choice in chunk.get("choices", [])]


def text_of(pieces: list[Piece]) -> str:
    return "".join(str(delta.get("content") or "") for delta in deltas(pieces))


def finishes(pieces: list[Piece]) -> int:
    return AnswerWriter(CALL).write(pieces).replace(b" ", b"").count(b'"finish_reason":"stop"')


def delivered(pieces: list[Piece]) -> Delivered:
    noted = Delivered()
    noted.note(pieces)
    return noted


def join(
    text: str, stream: bytes, *, prefilled: bool = False, reads: Sequence[int] = ()
) -> list[Piece]:
    """Feed a new answer as it arrives, in reads of these many pieces and the rest."""
    joint = Join(text, prefilled=prefilled)
    pieces, passed = pieces_of(stream), []
    for size in reads:
        passed += joint.feed(pieces[:size])
        pieces = pieces[size:]
    passed += joint.feed(pieces)
    passed += joint.end()
    assert joint.joined
    return passed


texts = st.text(max_size=60) | st.text('ab😀\r\n\\"', max_size=60)
long_texts = st.text(min_size=PROBE_CHARS, max_size=90)
places = st.lists(st.integers(0, 200), max_size=8)
sizes = st.lists(st.integers(0, 4), max_size=8)
arrivals = st.builds(Arrival, places, styles, sizes, st.booleans())


@given(texts, st.integers(1, 60), arrivals, arrivals)
@example("ab", 1, AT_ONCE, FINISH_LAST)
@example("ab", 2, AT_ONCE, FINISH_LAST)
def test_wherever_it_breaks_off_the_joined_text_is_whole(
    text: str, at: int, before: Arrival, again: Arrival
) -> None:
    assume(text)
    first = pieces_of(begun(cut(text[:at], before.cuts), before.style) + USAGE)
    noted = delivered(first)
    assert noted.resumable
    assert noted.text == text[:at]
    passed = join(noted.text, again.of(text), reads=again.reads)
    assert text_of(first + passed) == text
    assert finishes(passed) == 1
    assert sum(piece.usage_only for piece in passed) == 1


@given(texts, places, st.integers(0, 59), st.characters(exclude_categories=["Cs"]), sizes)
def test_one_character_that_differs_before_the_joint_lets_nothing_pass(
    text: str, cuts: list[int], at: int, other: str, reads: list[int]
) -> None:
    assume(text)
    at %= len(text)
    assume(text[at] != other)
    joint = Join(text, prefilled=False)
    pieces = pieces_of(whole(cut(f"{text[:at]}{other}{text[at + 1 :]} and more", cuts)))
    passed = []
    with pytest.raises(Differs):
        for size in [*reads, len(pieces)]:
            passed += joint.feed(pieces[:size])
            pieces = pieces[size:]
    assert passed == []
    assert not joint.joined


@given(texts, st.integers(0, 59), places, st.booleans())
def test_an_answer_that_ends_before_the_joint_lets_nothing_pass(
    text: str, at: int, cuts: list[int], finish_last: bool
) -> None:
    assume(text)
    shorter = cut(text[: at % len(text)], cuts)
    with pytest.raises(Differs):
        join(text, whole(shorter, finish_last=finish_last))


@pytest.mark.parametrize("ending", [CLOSING, PLAIN.content("", "stop"), PLAIN.content(" ", "stop")])
def test_a_finish_before_the_joint_differs_at_once(ending: bytes) -> None:
    joint = Join("one two", prefilled=False)
    with pytest.raises(Differs, match="departs"):
        joint.feed(pieces_of(OPENING + PLAIN.content("one") + ending))


def test_an_answer_that_just_ends_before_the_joint_differs() -> None:
    joint = Join("one two", prefilled=False)
    assert joint.feed(pieces_of(OPENING + PLAIN.content("one") + b"data: [DONE]\n\n")) == []
    with pytest.raises(Differs, match="shorter"):
        joint.end()


def test_an_answer_that_ends_at_the_joint_is_whole() -> None:
    joint = Join("one", prefilled=False)
    assert joint.feed(pieces_of(PLAIN.content("one"))) == []
    assert joint.joined
    closing = pieces_of(CLOSING)
    assert joint.feed(closing) == closing
    assert joint.end() == []


def test_a_text_and_its_finish_in_one_event_pass_as_the_finish() -> None:
    (piece,) = join("one", PLAIN.content("one", "stop"))
    assert text_of([piece]) == ""
    assert finishes([piece]) == 1
    assert piece.has_content


def test_only_the_event_that_spans_the_joint_is_rewritten() -> None:
    stream = b"".join([OPENING, *(PLAIN.content(text) for text in ("one", " two", " three"))])
    given_pieces = pieces_of(stream)
    joint = Join("one t", prefilled=False)
    passed = joint.feed(given_pieces)
    assert text_of(passed) == "wo three"
    assert passed[1] is given_pieces[3]
    more = pieces_of(COMMENT + PLAIN.content(" four"))
    assert joint.feed(more) is more


def test_unknown_fields_of_the_rewritten_event_keep_their_bytes() -> None:
    event = (
        b"event: message\r\nid: 7\r\n"
        b'data: {"a": 1e999, "choices": [{"x": [1.50,\r\n'
        b'data:   "\\u00e9\\/"], "delta": {"y": null, "content": "one \\ud83d\\ude00",\r\n'
        b'data: "z": []}}],\r\n'
        b'data:  "model": "m", "usage": {"prompt_tokens": 3}}\r\n\r\n'
    )
    piece = the_piece(event)
    (passed,) = Join("one ", prefilled=False).feed([piece])
    assert passed.raw.decode() == (
        "event: message\n"
        'data: {"a":1e999,"choices":[{"x":[1.50,   "\\u00e9\\/"],'
        '"delta":{"y":null,"content":"😀","z":[]}}],"model":"m","usage":{"prompt_tokens": 3}}\n\n'
    )
    assert (passed.usage, passed.model, passed.has_content) == (Usage(3), "m", True)


def test_the_role_is_not_told_twice() -> None:
    """OpenAI's SDK for Python appends one role to the other."""
    (passed,) = join("on", Style(role_each_time=True).content("one", "stop"))
    assert deltas([passed]) == [{"content": "e"}]


@pytest.mark.parametrize("prefilled", [False, True])
def test_usage_and_faults_pass_before_the_joint(prefilled: bool) -> None:
    usage, fault = pieces_of(USAGE + FAULT)
    joint = Join(LONG, prefilled=prefilled)
    passed = joint.feed([*pieces_of(COMMENT + OPENING), usage, fault])
    assert passed == [usage, fault]
    assert not joint.joined


def test_who_was_given_nothing_is_given_all() -> None:
    joint = Join("", prefilled=False)
    assert joint.joined
    pieces = pieces_of(whole(["one"]))
    assert joint.feed(pieces) is pieces


def test_an_answer_that_breaks_off_twice_is_joined_twice() -> None:
    noted, stream = Delivered(), [PLAIN.content(text) for text in ("one", " two", " three", " 4")]
    given_pieces = pieces_of(OPENING + stream[0] + PLAIN.content(" t"))
    noted.note(given_pieces)
    for events in (stream[:2], stream):
        passed = Join(noted.text, prefilled=False).feed(pieces_of(OPENING + b"".join(events)))
        noted.note(passed)
        given_pieces += passed
    assert noted.text == text_of(given_pieces) == "one two three 4"


def official_text(stream: bytes) -> tuple[str, str | None]:
    """Return the role and the text that OpenAI's own client puts together."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    http_client = httpx2.Client(transport=httpx2.MockTransport(answer))
    official = openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=http_client)
    with official, official.chat.completions.stream(model="m", messages=[]) as events:
        message = events.get_final_completion().choices[0].message
    return message.role, message.content


@pytest.mark.parametrize("prefilled", [False, True])
@pytest.mark.parametrize("opening", [b"", OPENING])
def test_the_official_client_reads_one_message(prefilled: bool, opening: bytes) -> None:
    first = OPENING + PLAIN.content(LONG[:40])
    told = PLAIN.event({"role": "assistant", "content": LONG[40:] if prefilled else LONG})
    passed = join(LONG[:40], opening + told + CLOSING, prefilled=prefilled)
    writer = AnswerWriter(CALL)
    sent = writer.write(pieces_of(first)) + writer.write(passed) + writer.end()
    assert official_text(sent) == ("assistant", LONG)


NOT_TEXT: list[dict[str, object]] = [
    {"content": "x", "tool_calls": [{"index": 0, "id": "c"}]},
    {"content": "x", "function_call": {"name": "f"}},
    {"content": "x", "refusal": "no"},
    {"content": "x", "reasoning": "x"},
    {"content": "x", "reasoning_content": "x"},
    {"content": "x", "reasoning_details": [{}]},
    {"content": "x", "audio": {"id": "a"}},
    {"content": "x", "images": [{}]},
    {"content": "x", "annotations": [{}]},
    {"content": "x", "of_tomorrow": 1},
    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}]},
    {"content": 1},
    {"content": {}},
    {"content": "x", "role": 1},
    {"content": "x", "role": []},
]

NOT_PLAIN = [PLAIN.event(delta) for delta in NOT_TEXT] + [
    b"data: %b\n\n" % data
    for data in (
        b'{"choices":[{"index":0,"delta":{"content":"x"}},{"index":1,"delta":{"content":"x"}}]}',
        b'{"choices":[{"index":1,"delta":{"content":"x"}}]}',
        b'{"choices":[{"index":"0","delta":{"content":"x"}}]}',
        b'{"choices":[{"index":null,"delta":{"content":"x"}}]}',
        b'{"choices":[{"delta":{"content":"x"},"logprobs":{"content":[]}}]}',
        b'{"choices":[{"delta":{"content":"x"},"logprobs":[]}]}',
        b'{"choices":[{"delta":{"content":"x","tool_calls":1e999}}]}',
        b'{"choices":[{"delta":{"content":"\\ud83d"}}]}',
        b'{"choices":[{"delta":{"content":"\\ude00"}}]}',
        b'{"choices":[{"delta":"x"}]}',
        b'{"choices":["x"]}',
        b'{"choices":"x"}',
        b'{"choices":{}}',
        b'"x"',
        b"[]",
    )
]

EMPTY: list[dict[str, object]] = [
    {},
    {"content": None},
    {"role": None, "content": ""},
    {"content": "", "refusal": None, "tool_calls": [], "audio": {}, "reasoning": ""},
    {"content": []},
]

NOTHING_TO_IT = [PLAIN.event(delta) for delta in EMPTY] + [
    b"data: %b\n\n" % data
    for data in (
        b"{}",
        b'{"choices":null}',
        b'{"choices":[]}',
        b'{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}',
        b'{"choices":[{}]}',
        b'{"choices":[{"delta":null,"finish_reason":""}]}',
        b'{"choices":[{"index":0,"content_filter_results":{"hate":{"filtered":false}}}]}',
    )
]


@pytest.mark.parametrize("event", [*NOT_PLAIN, CLOSING, PLAIN.content("x", "length"), FAULT])
def test_what_is_more_than_text_is_not_resumed(event: bytes) -> None:
    noted = delivered(pieces_of(OPENING + PLAIN.content("x") + event))
    assert not noted.resumable
    assert noted.text == ""
    noted.note(pieces_of(PLAIN.content("y")))
    assert not noted.resumable
    assert noted.text == ""


@pytest.mark.parametrize("event", NOT_PLAIN)
def test_what_is_more_than_text_before_the_joint_differs(event: bytes) -> None:
    joint = Join("xx", prefilled=False)
    with pytest.raises(Differs):
        joint.feed([*pieces_of(OPENING + PLAIN.content("x")), the_piece(event)])
    assert not joint.joined


@pytest.mark.parametrize("event", NOT_PLAIN)
def test_what_is_more_than_text_behind_the_joint_passes(event: bytes) -> None:
    piece = the_piece(event)
    assert Join("x", prefilled=False).feed([the_piece(PLAIN.content("x")), piece]) == [piece]


@pytest.mark.parametrize("event", NOT_PLAIN)
def test_more_than_text_is_a_departure_and_passes_where_the_text_was_given(event: bytes) -> None:
    held, piece = the_piece(PLAIN.content(LONG[:5])), the_piece(event)
    assert Join(LONG, prefilled=True).feed([held, piece]) == [held, piece]


@pytest.mark.parametrize("event", NOTHING_TO_IT)
def test_an_event_that_says_nothing_changes_nothing(event: bytes) -> None:
    noted = delivered(pieces_of(PLAIN.content("x") + event))
    assert noted.resumable
    assert noted.text == "x"
    assert Join("x", prefilled=False).feed(pieces_of(event)) == []
    assert Join(LONG, prefilled=True).feed(pieces_of(event)) == []


def test_usage_alone_is_not_looked_into() -> None:
    usage = USAGE.replace(b"{", b'{"a":"\\ud83d",', 1)
    pieces = pieces_of(PLAIN.content("x") + usage)
    assert pieces[1].usage_only
    assert delivered(pieces).text == "x"


def test_what_is_nested_too_deeply_is_more_than_text() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    piece = Piece(b'data: {"choices":[{"delta":{"content":"x"}}],"a":%b}\n\n' % deep)
    assert not delivered([piece]).resumable
    with pytest.raises(Differs):
        Join("x", prefilled=False).feed([piece])


def test_a_whole_body_is_not_resumed() -> None:
    body = b'{"choices":[{"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}'
    whole_call = Call("chat", "chat", "small", False, True, {})
    reader = AnswerReader(whole_call, 200, "application/json", LIMIT, LIMIT)
    assert reader.feed(body) == []
    assert not delivered(reader.end()).resumable


def test_a_whole_body_told_as_a_stream_is_compared_like_any_other() -> None:
    message: dict[str, object]
    message = {"role": "assistant", "content": LONG, "refusal": None, "annotations": []}
    choice: dict[str, object] = {"index": 0, "message": message, "finish_reason": "stop"}
    reader = AnswerReader(CALL, 200, "application/json", LIMIT, LIMIT)
    assert reader.feed(json.dumps({"choices": [choice]}).encode()) == []
    passed = Join(LONG[:9], prefilled=False).feed(reader.end())
    assert text_of(passed) == LONG[9:]
    assert finishes(passed) == 1


def test_a_text_beyond_the_limit_is_forgotten() -> None:
    half = pieces_of(PLAIN.content("x" * (MAX_RESUMED_CHARS // 2)))
    noted = delivered(half + half)
    assert noted.resumable
    assert len(noted.text) == MAX_RESUMED_CHARS
    noted.note(pieces_of(PLAIN.content("")))
    assert noted.resumable
    noted.note(pieces_of(PLAIN.content("y")))
    assert not noted.resumable
    assert noted.text == ""


@given(long_texts, st.text(max_size=60), arrivals)
def test_who_goes_on_behind_the_text_is_passed_on(text: str, more: str, rest: Arrival) -> None:
    assume(not more.startswith(text[:PROBE_CHARS]))
    passed = join(text, rest.of(more), prefilled=True, reads=rest.reads)
    assert text_of(passed) == more
    assert finishes(passed) == 1


@given(long_texts, st.text(max_size=30), arrivals)
def test_who_began_anew_is_compared(text: str, more: str, again: Arrival) -> None:
    passed = join(text, again.of(text + more), prefilled=True, reads=again.reads)
    assert text_of(passed) == more
    assert finishes(passed) == 1


@given(st.integers(PROBE_CHARS, len(LONG) - 1), places, sizes)
def test_who_began_anew_and_then_departs_lets_nothing_pass(
    at: int, cuts: list[int], reads: list[int]
) -> None:
    with pytest.raises(Differs):
        join(LONG, whole(cut(f"{LONG[:at]}#", cuts)), prefilled=True, reads=reads)


@pytest.mark.parametrize("at", range(PROBE_CHARS))
def test_the_beginning_is_held_back_until_it_departs(at: int) -> None:
    joint = Join(LONG, prefilled=True)
    held = pieces_of(b"".join(PLAIN.content(letter) for letter in LONG[:at]))
    assert joint.feed(held) == []
    assert not joint.joined
    other = the_piece(PLAIN.content("#"))
    assert joint.feed([other]) == [*held, other]
    assert joint.joined


@pytest.mark.parametrize("at", range(PROBE_CHARS))
def test_the_beginning_passes_where_it_was_all(at: int) -> None:
    held = pieces_of(PLAIN.content(LONG[:at])) if at else []
    finish = the_piece(CLOSING)
    assert Join(LONG, prefilled=True).feed([*held, finish]) == [*held, finish]
    joint = Join(LONG, prefilled=True)
    assert joint.feed(held) == []
    assert joint.end() == held
    assert joint.joined


def test_a_text_as_long_as_the_probe_may_be_said_again_or_gone_on_with() -> None:
    text = LONG[:PROBE_CHARS]
    assert text_of(join(text, whole([text, "!"]), prefilled=True)) == "!"
    assert text_of(join(text, whole([LONG[PROBE_CHARS:]]), prefilled=True)) == LONG[PROBE_CHARS:]


def test_white_space_at_the_joint_is_part_of_the_text() -> None:
    assert text_of(join(LONG, whole([" ", " Then."]), prefilled=True)) == "  Then."
    assert text_of(join("one", whole(["one ", " two"]))) == "  two"


def test_a_short_text_is_never_prefilled() -> None:
    with pytest.raises(AssertionError):
        Join(LONG[: PROBE_CHARS - 1], prefilled=True)


def test_what_is_joined_goes_by_the_id_of_the_first_answer() -> None:
    noted = Delivered()
    noted.note(pieces_of(PLAIN.content("one ")))
    assert noted.id
    joint = Join("one ", prefilled=False, answer_id="the-first")
    told = [
        *joint.feed(pieces_of(PLAIN.content("one two"))),
        *joint.feed(pieces_of(PLAIN.content(" three"))),
    ]
    assert text_of(told) == "two three"
    ids = [json.loads(piece.raw.removeprefix(b"data: "))["id"] for piece in told]
    assert ids == ["the-first", "the-first"]


def test_what_has_no_id_gets_none() -> None:
    joint = Join("", prefilled=False, answer_id="the-first")
    for raw in (b'data: {"choices": []}\n\n', b"data: [1]\n\n", b": hi\n\n"):
        piece = Piece(raw, comment=raw.startswith(b":"))
        assert joint.feed([piece]) == [piece]
