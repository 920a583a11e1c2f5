"""One candidate of Gemini, as it speaks."""

import json

from msgspec import Raw

from gateway.forms.gemini_facts import Blob, Candidate, Content, FunctionCall, Part
from gateway.forms.gemini_names import Ids
from gateway.forms.gemini_sources import MAX_SOURCES
from gateway.forms.gemini_voice import MOST_TEXT, Delta, Voice, message_of

NULL = Raw(b"null")
CITED_LATER = b'{"citations":[{"startIndex":0,"endIndex":3,"uri":"u"}]}'
CITED = Raw(b'{"citations":[{"startIndex":0,"endIndex":2,"uri":"u"}]}')


def say(voice: Voice, *parts: Part, cited: Raw = NULL) -> list[Delta]:
    candidate = Candidate(content=Content(list(parts)), citation_metadata=cited)
    return list(voice.say(candidate, Ids({}), {}))


def test_who_speaks_is_told_once() -> None:
    voice = Voice()
    assert say(voice, Part(text="Hel"), Part(text="lo")) == [
        {"role": "assistant", "content": "Hel"},
        {"content": "lo"},
    ]
    assert voice.end() == {}
    assert Voice().end() == {"role": "assistant", "content": ""}


def test_parts_that_say_nothing_are_passed_over() -> None:
    voice = Voice()
    assert say(voice, Part(), Part(text=""), Part(text="", thought=True)) == []
    assert list(voice.say(Candidate(), Ids({}), {})) == []


def test_a_signature_may_come_without_words() -> None:
    told = say(Voice(), Part(thought=True, thought_signature="a"), Part(thought_signature="b"))
    assert [sorted(delta) for delta in told] == [
        ["reasoning_details", "role"],
        ["reasoning_details"],
    ]


def test_no_more_text_is_kept_than_may_be() -> None:
    voice = Voice()
    say(voice, Part(text="é" * MOST_TEXT))
    [_, told] = say(voice, Part(text="é"), cited=CITED)
    assert told["annotations"][0]["url_citation"]["end_index"] == 1
    assert say(voice, cited=Raw(CITED_LATER)) == []


def test_no_more_citations_are_told_than_may_be() -> None:
    voice = Voice()
    for at in range(3):
        many = [{"startIndex": at, "endIndex": n, "uri": "u"} for n in range(200)]
        say(voice, Part(text="a"), cited=Raw(json.dumps({"citations": many}).encode()))
    more = {"citations": [{"startIndex": 9, "endIndex": 9, "uri": "v"}]}
    assert say(voice, cited=Raw(json.dumps(more).encode())) == []


def test_a_text_is_not_looked_at_any_number_of_times() -> None:
    voice = Voice()
    told = []
    for at in range(MAX_SOURCES + 1):
        cited = {"citations": [{"uri": "u", "endIndex": at // MAX_SOURCES}]}
        told += say(voice, Part(text="é"), cited=Raw(json.dumps(cited).encode()))
    assert len([delta for delta in told if "annotations" in delta]) == 1


def test_a_citation_is_told_once() -> None:
    voice = Voice()
    assert len(say(voice, Part(text="abc"), cited=CITED)) == 2
    assert len(say(voice, Part(text="def"), cited=CITED)) == 1


def test_a_message_of_many_parts_is_put_together_once() -> None:
    message = message_of([{"role": "assistant", "content": "x" * 500}] * 16_000)
    assert message == {"role": "assistant", "content": "x" * 8_000_000, "refusal": None}


def test_a_message_is_put_together_of_all_that_was_said() -> None:
    picture = Part(inline_data=Blob("image/png", "AA"))
    call = Part(function_call=FunctionCall("c", "now", Raw(b'{ "a" : 1 }')))
    message = message_of(say(Voice(), picture, picture, Part(text="Hi"), call))
    assert (message["content"], message["refusal"], len(message["images"])) == ("Hi", None, 2)
    assert message["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "now", "arguments": '{"a":1}'}}
    ]
