"""What Cohere says beside words."""

from gateway.forms.cohere_build import (
    MOST_SOURCES,
    annotations_of,
    plan_of,
    thought_of,
    tokens_of,
)
from gateway.forms.cohere_facts import Citation, Source, Token


def test_a_source_is_told_by_its_address_or_its_id() -> None:
    sources = [
        Source("doc:0", document={"url": "https://example.com", "title": "A"}),
        Source("doc:1", document={"url": 7, "title": ""}),
        Source("tool:0", tool_output={"url": "https://example.org"}),
        Source("bare"),
    ]
    told = annotations_of(Citation(1, 3, sources, 1, "TEXT_CONTENT"), {1: 10})
    assert [each["url_citation"] for each in told] == [
        {"start_index": 11, "end_index": 13, "url": "https://example.com", "title": "A"},
        {"start_index": 11, "end_index": 13, "url": "doc:1", "title": "doc:1"},
        {"start_index": 11, "end_index": 13, "url": "https://example.org", "title": "tool:0"},
        {"start_index": 11, "end_index": 13, "url": "bare", "title": "bare"},
    ]


def test_what_is_cited_in_thoughts_is_not_about_what_is_said() -> None:
    assert annotations_of(Citation(0, 1, [Source("d")], 0, "THINKING_CONTENT"), {}) == []
    assert annotations_of(Citation(0, 1), {}) == []


def test_sources_without_an_end_are_cut() -> None:
    sources = [Source("d")] * (MOST_SOURCES + 1)
    assert len(annotations_of(Citation(0, 1, sources), {})) == MOST_SOURCES


def test_a_text_of_several_tokens_is_told_as_one() -> None:
    assert tokens_of(None) is None
    assert tokens_of([]) is None
    told = tokens_of([Token("é", [-0.25, -0.5]), Token("x")])
    assert told is not None
    assert told[0] == {"token": "é", "logprob": -0.75, "bytes": [195, 169], "top_logprobs": []}
    assert told[1]["logprob"] == 0


def test_thoughts_and_plans_are_told_apart() -> None:
    assert thought_of("a", 2)["type"] == "reasoning.text"
    assert plan_of("a")["type"] == "reasoning.summary"
