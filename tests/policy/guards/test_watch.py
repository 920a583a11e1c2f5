"""An answer that is looked at on its way: events wait until nothing that follows changes them."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.forms.texts import MOST_PARTS
from gateway.policy.guards import watch
from gateway.policy.guards.credentials import Credentials
from gateway.policy.guards.finding import Findings
from gateway.policy.guards.guard import Guard, Sizes
from gateway.policy.guards.personal import KINDS
from gateway.policy.guards.watch import MOST_CHANNELS, MOST_HELD_BYTES, Watch
from gateway.policy.guards.words import Words
from gateway.words.answer import Piece, Usage
from gateway.words.errors import ContentBlocked
from tests.policy.guards.cutting import guard
from tests.policy.guards.test_scan import ALL, TEXTS
from tests.stage import DONE, event

MASKS = guard(KINDS["email"], Credentials(), Words(["darn"]))
BLOCKS = guard(Words(["darn"]), then="block", name="b")
FLAGS = guard(Words(["darn"]), then="flag", name="f")


class Watched:
    """One answer on its way, and what has been noted."""

    def __init__(self, *guards: Guard, form: str = "chat", keeps: bool = False) -> None:
        self.noted: list[tuple[str, str]] = []
        findings = Findings(lambda name, deed: self.noted.append((name, deed)), answer=True)
        self.watch = Watch(form, guards, findings, keeps_texts=keeps)

    def feed(self, *raws: bytes, native: bool = False) -> list[bytes]:
        for _ in self.watch.feed([Piece(raw, native=native) for raw in raws]):
            pass
        return self.take()

    def end(self) -> list[bytes]:
        self.watch.end()
        return self.take()

    def take(self) -> list[bytes]:
        passed, self.watch.passed = self.watch.passed, []
        return [piece.raw for piece in passed]


def texts(raws: Sequence[bytes]) -> list[str]:
    """Return the contents of events of the chat form."""
    chunks = [json.loads(raw[6:]) for raw in raws]
    return [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]


def framed(kind: str, **more: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def test_events_in_which_nothing_is_found_leave_as_they_came() -> None:
    answer = Watched(MASKS, BLOCKS, FLAGS)
    odd = b'data:{"choices":[{"index":0,"delta":{"content":"all "}}],"unknown":[1.50]}\r\n\r\n'
    assert answer.feed(event("hello "), odd) == [event("hello "), odd]
    assert answer.feed(event("dar")) == []
    assert answer.feed(event("ling ")) == [event("dar"), event("ling ")]
    assert answer.feed(event(finish="stop"), b": note\n\n", DONE) == [
        event(finish="stop"), b": note\n\n", DONE,
    ]  # fmt: skip
    assert (answer.end(), answer.noted) == ([], [])


def test_a_match_over_several_events_is_masked_before_any_of_it_leaves() -> None:
    answer = Watched(MASKS)
    assert answer.feed(event("to jo"), event("hn@x"), event(".com")) == []
    assert texts(answer.feed(event(" and"))) == ["to [0]", "", ""]
    assert texts(answer.end()) == [" and"]
    assert answer.noted == [("g", "redact")]


def test_what_is_blocked_stops_the_answer_and_what_came_before_may_leave() -> None:
    answer = Watched(BLOCKS)
    with pytest.raises(ContentBlocked, match="The answer was stopped by the guard 'b'"):
        answer.feed(event("one "), event("da"), event("rn two"))
    assert answer.take() == [event("one ")]


def test_a_word_that_may_still_go_on_is_found_at_the_end() -> None:
    answer = Watched(BLOCKS)
    answer.feed(event("one darn"))
    with pytest.raises(ContentBlocked):
        answer.end()
    again = Watched(BLOCKS)
    with pytest.raises(ContentBlocked):
        again.feed(event("one darn"), event(finish="stop"))


def test_who_only_takes_note_lets_events_leave_at_once() -> None:
    answer = Watched(FLAGS)
    assert answer.feed(event("dar")) == [event("dar")]
    assert answer.feed(event("n ")) == [event("n ")]
    assert answer.noted == [("f", "flag")]


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, data=st.data())
def test_any_cut_into_events_and_reads_gives_the_same_verdict_and_text(
    text: str, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    reads = data.draw(st.sets(st.integers(0, 9), max_size=5))
    said = []
    for places in ([], cuts):
        answer = Watched(*ALL)
        told: list[bytes] = []
        begins, ends = [0, *places], [*places, len(text)]
        events = [event(text[begin:end]) for begin, end in zip(begins, ends, strict=True)]
        waiting: list[bytes] = []
        for at, each in enumerate(events):
            waiting.append(each)
            if at in reads:
                told += answer.feed(*waiting)
                waiting = []
        told += [*answer.feed(*waiting), *answer.end()]
        said.append(("".join(texts(told)), {name for name, _ in answer.noted}))
        assert len(told) == len(events)
    assert said[0] == said[1]


def test_another_choice_does_not_hide_what_goes_on() -> None:
    def of(index: int, text: str) -> bytes:
        return (
            b"data: %b\n\n"
            % json.dumps({"choices": [{"index": index, "delta": {"content": text}}]}).encode()
        )

    answer = Watched(MASKS)
    assert answer.feed(of(0, "to a@"), of(1, "b.de "), of(0, "b.de ")) != []
    assert answer.noted == [("g", "redact")]


def test_a_text_that_stands_still_does_not_hold_up_another_for_long() -> None:
    answer = Watched(BLOCKS)
    thought = b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"done"}}]}\n\n'
    assert answer.feed(thought) == []
    left = [len(answer.feed(event("a "))) for _ in range(20)]
    assert sum(left) == 21
    assert left.index(max(left)) <= BLOCKS.longest


def test_a_thought_holds_up_the_answer_for_a_few_words_and_no_more() -> None:
    answer = Watched(guard(KINDS["email"]))
    thought = b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"done"}}]}\n\n'
    answer.feed(thought)
    waited = 0
    while not answer.feed(event("abc ")):
        waited += 4
    assert waited <= watch.PATIENCE


def test_arguments_of_tools_are_read_as_what_they_mean() -> None:
    def said(part: str) -> bytes:
        call = {"index": 0, "function": {"arguments": part}}
        return (
            b"data: %b\n\n"
            % json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}).encode()
        )

    answer = Watched(MASKS)
    told = answer.feed(said('{"a":"x\\n'), said("jo"), said("hn@x.com"), said('\\n"}'))
    whole = "".join(
        json.loads(raw[6:])["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]
        for raw in (*told, *answer.end())
    )
    assert whole == '{"a":"x\\n[0]\\n"}'


def test_messages_are_masked_in_their_own_form() -> None:
    answer = Watched(MASKS, form="messages")
    events = [
        framed("message_start", message={"id": "m", "content": []}),
        framed("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        framed("content_block_delta", index=0, delta={"type": "text_delta", "text": "a@b"}),
        framed("content_block_delta", index=0, delta={"type": "text_delta", "text": ".de"}),
        framed("content_block_stop", index=0),
        framed("message_stop"),
    ]
    told = answer.feed(*events, native=True)
    assert told[:2] + told[4:] == events[:2] + events[4:]
    assert told[2].startswith(b"event: content_block_delta\ndata: {")
    assert [json.loads(raw.split(b"data: ")[1])["delta"]["text"] for raw in told[2:4]] == [
        "[0]",
        "",
    ]


def test_responses_are_masked_in_their_parts_and_where_they_are_told_whole() -> None:
    answer = Watched(MASKS, form="responses")
    told = answer.feed(
        framed("response.output_text.delta", output_index=0, delta="a@b"),
        framed("response.output_text.delta", output_index=0, delta=".de"),
        framed("response.output_text.done", output_index=0, text="a@b.de"),
        framed("response.completed", response={"output": [{"content": [{"text": "a@b.de"}]}]}),
        native=True,
    )
    assert len(told) == 4
    assert b"a@b" not in b"".join(told)
    assert b"".join(told).count(b"[0]") == 3


def test_an_answer_in_one_piece_is_masked() -> None:
    body = b' {"id": "x", "choices": [{"message": {"content": "to a@b.de"}}]}'
    (told,) = Watched(MASKS).feed(body)
    assert json.loads(told)["choices"][0]["message"]["content"] == "to [0]"
    fine = b'\xef\xbb\xbf{"choices": [ {"text": "x"} ]}'
    assert Watched(MASKS, form="raw").feed(fine, native=True) == [fine]


def test_names_within_are_masked_last() -> None:
    body = b'{"output": {"a@b.de": "c@d.de"}}'
    (told,) = Watched(MASKS).feed(body)
    assert json.loads(told) == {"output": {"[0]": "[0]"}}


def test_names_within_what_goes_on_are_looked_at_too() -> None:
    arguments = b'{"a@b.de":"c@d.de","n":4111111111111111}'
    said = b'data: {"choices":[{"delta":{"tool_calls":[{"arguments":%b}]}}]}\n\n' % arguments
    told = Watched(MASKS)
    (passed,) = [*told.feed(said), *told.end()]
    assert b'{"n":4111111111111111,"[0]":"[0]"}' in passed


def test_probabilities_tell_nothing_of_what_is_masked() -> None:
    said = (
        b'data: {"choices":[{"index":0,"delta":{"content":"x "},"logprobs":{"content":[1]}}]}\n\n'
    )
    (told,) = Watched(MASKS).feed(said)
    assert json.loads(told[6:])["choices"][0]["logprobs"] is None
    assert Watched(BLOCKS).feed(said) == [said]


def test_several_events_in_one_piece_are_one_piece_still() -> None:
    piece = Piece(event("a@b.de") + event(" x "), has_content=True, usage=Usage(1, 2))
    answer = Watched(MASKS)
    list(answer.watch.feed([piece]))
    (told,) = answer.watch.passed
    assert (told.usage, told.has_content) == (Usage(1, 2), True)
    assert told.raw.endswith(event(" x "))
    assert b"[0]" in told.raw


@pytest.mark.parametrize(
    "raw",
    [
        b"data: {not json}\n\n",
        b'data: {"choices":[{"delta":{"audio":{"data":"AAAA"}}}]}\n\n',
        framed("response.audio.delta", delta="AAAA"),
        b"data: {}",
        b'data: {"a":1}\n\ndata: {"b"',
    ],
)
def test_what_cannot_be_looked_into_is_stopped_unless_it_may_pass(raw: bytes) -> None:
    with pytest.raises(ContentBlocked, match="cannot look into"):
        Watched(BLOCKS, form="responses").feed(raw, native=True)
    passing = Guard("p", "block", rules=BLOCKS.rules, needs_sight=False)
    assert Watched(passing, FLAGS, form="responses").feed(raw, native=True) == [raw]


def test_an_answer_may_be_so_long_and_no_longer() -> None:
    for sizes in (Sizes(characters=6), Sizes(tokens=1, characters=100)):
        answer = Watched(Guard("s", "flag", sizes=sizes))
        answer.feed(event("hel"))
        assert answer.noted == []
        answer.feed(event("lo you"), event("!"))
        assert answer.noted == [("s", "flag")]
    for sizes in (Sizes(turns=1), Sizes(characters=1)):
        assert Watched(Guard("s", "block", sizes=sizes)).feed(event("x")) == [event("x")]
    with pytest.raises(ContentBlocked):
        Watched(Guard("s", "block", sizes=Sizes(characters=1))).feed(event("xx"))


def test_texts_are_kept_whole_for_whoever_must_see_all() -> None:
    answer = Watched(FLAGS, keeps=True)
    answer.feed(event("hel"), event("lo"), event(""))
    assert answer.watch.texts == ["hello"]
    assert Watched(FLAGS).watch.texts == []


def test_no_end_of_texts_side_by_side_is_looked_at() -> None:
    choices = [{"index": at, "delta": {"content": "x"}} for at in range(MOST_CHANNELS + 1)]
    raw = b"data: %b\n\n" % json.dumps({"choices": choices}).encode()
    with pytest.raises(ContentBlocked):
        Watched(BLOCKS).feed(raw)
    assert Watched(FLAGS).feed(raw) == [raw]


def test_no_end_of_events_waits() -> None:
    empty = event("", padding="x" * (MOST_HELD_BYTES // 4))
    with pytest.raises(ContentBlocked):
        Watched(BLOCKS).feed(event("dar"), *[empty] * 5)
    passing = Guard("p", "block", rules=BLOCKS.rules, needs_sight=False)
    assert len(Watched(passing).feed(event("dar"), *[empty] * 5)) > 1


def test_events_that_the_gateway_tells_itself_are_of_the_chat_form_in_any_answer() -> None:
    answer = Watched(BLOCKS, form="messages")
    assert answer.feed(event("da")) == []
    with pytest.raises(ContentBlocked):
        answer.feed(event("rn "))


def test_what_has_left_takes_no_room() -> None:
    """Else a long answer would be taken for one that nobody can look into."""
    answer = Watched(BLOCKS)
    note = b": " + b"x" * (MOST_HELD_BYTES // 4) + b"\n\n"
    for _ in range(5):
        for _ in answer.watch.feed([Piece(note, comment=True)]):
            pass
        assert answer.take() == [note]
    assert answer.feed(event("dar")) == []


def test_where_there_are_too_many_texts_those_before_are_taken_for_whole() -> None:
    answer = Watched(Guard("p", "redact", rules=MASKS.rules, needs_sight=False))

    def begun(number: int) -> bytes:
        return event(choices=[{"index": number, "delta": {"content": "a"}}])

    passed = [raw for number in range(MOST_CHANNELS) for raw in answer.feed(begun(number))]
    assert len(passed) < MOST_CHANNELS
    passed += answer.feed(begun(MOST_CHANNELS))
    assert len(passed) == MOST_CHANNELS


def test_a_long_text_is_looked_at_in_turns() -> None:
    answer = Watched(BLOCKS)
    pieces = [Piece(event("x " * 20_000))]
    assert len(list(answer.watch.feed(pieces))) > 5


@pytest.mark.parametrize("raw", [b'["a@b.de"]', b'"a@b.de"'])
def test_json_that_is_no_object_is_looked_at(raw: bytes) -> None:
    answer = Watched(MASKS)
    assert answer.feed(raw) == [raw.replace(b"a@b.de", b"[0]")]


def test_all_others_have_their_turn_while_many_events_or_texts_are_looked_at() -> None:
    pieces = [Piece(event("x"))] * 200
    assert len(list(Watched(MASKS).watch.feed(pieces))) >= 4
    whole = Piece(json.dumps({"choices": [{"text": "x"}] * 200}).encode())
    assert len(list(Watched(MASKS).watch.feed([whole]))) >= 3


def test_an_answer_of_too_many_parts_is_too_long_for_whoever_counts() -> None:
    counts = Guard("s", "block", sizes=Sizes(characters=99))
    whole = b'{"x":[' + b"1," * MOST_PARTS + b"1]}"
    with pytest.raises(ContentBlocked, match="guard 's'"):
        Watched(counts).feed(whole)
