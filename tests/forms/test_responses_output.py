"""The items of an answer, from their beginning to their end."""

import json
from typing import Any

from gateway.forms.responses_build import Log
from gateway.forms.responses_output import Calling, Thinking, Words, annotation_of, chances_of
from gateway.forms.responses_thoughts import Thought, Unpacking
from gateway.forms.responses_tools import Tool


def told(log: Log) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in log.take().split(b"\n") if line.startswith(b"data: ")]


def test_a_message_that_says_nothing_has_no_part() -> None:
    log = Log()
    item = json.loads(Words(log, "msg_1", 0).close("completed"))
    assert (item["content"], item["status"]) == ([], "completed")
    assert [event["type"] for event in told(log)] == [
        "response.output_item.added",
        "response.output_item.done",
    ]


def test_a_source_is_told_and_held() -> None:
    log = Log()
    words = Words(log, "msg_1", 0)
    words.annotate({"type": "file_path", "file_id": "file-1", "index": 0})
    words.annotate({"type": "file_path", "file_id": "file-2", "index": 0})
    item = json.loads(words.close("completed"))
    assert [each["file_id"] for each in item["content"][0]["annotations"]] == ["file-1", "file-2"]
    assert [event["annotation_index"] for event in told(log) if "annotation" in event] == [0, 1]


def test_a_thought_without_words_is_kept_with_its_proof_alone() -> None:
    thinking = Thinking(Log(), "rs_1", 0, as_summary=False)
    thinking.prove([{"type": "reasoning.encrypted", "data": "x", "index": 0}])
    item = json.loads(thinking.close("completed"))
    assert (item["summary"], item["content"]) == ([], [])
    kept = Unpacking(9).unpack(item["encrypted_content"])
    assert kept == Thought(
        reasoning_details=[{"type": "reasoning.encrypted", "data": "x", "index": 0}]
    )


def test_a_thought_of_nothing_keeps_nothing() -> None:
    item = json.loads(Thinking(Log(), "rs_1", 0, as_summary=True).close("completed"))
    assert item == {"id": "rs_1", "type": "reasoning", "summary": []}


def test_free_text_that_is_no_argument_is_the_text() -> None:
    calling = Calling(Log(), ("ctc_1", 0), "call_1", Tool("patch", takes_text=True))
    calling.add("*** Begin")
    assert not calling.has_become_whole
    assert json.loads(calling.close("completed"))["input"] == "*** Begin"


def test_what_follows_a_whole_call_says_nothing_more() -> None:
    calling = Calling(Log(), ("fc_1", 0), "call_1", Tool("f", "space"))
    calling.add("{}")
    assert calling.has_become_whole
    item = json.loads(calling.close("completed"))
    calling.add("more")
    assert (item["arguments"], item["namespace"]) == ("{}", "space")


def test_an_annotation_of_a_chat_is_flat_here() -> None:
    inner = {"url": "https://example.com", "title": "A"}
    assert annotation_of({"type": "url_citation", "url_citation": inner}) == {
        "type": "url_citation",
        "url": "https://example.com",
        "title": "A",
        "start_index": 0,
        "end_index": 0,
    }
    for odd in ({"type": "url_citation"}, {"type": "other", "x": 1}):
        assert annotation_of(odd) is odd


def test_no_chances_are_none() -> None:
    assert chances_of(None) == []
