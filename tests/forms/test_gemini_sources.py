"""Citations and log-probabilities of Gemini, in OpenAI's words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.gemini_sources import MAX_SOURCES, annotations_of, logprobs_of

NULL = Raw(b"null")
TEXT = "Ünder Öl"


def raw(value: object) -> Raw:
    return Raw(json.dumps(value).encode())


def spans(grounding: object) -> list[tuple[object, object, object]]:
    found = annotations_of(raw(grounding), NULL, TEXT)
    cited = [each["url_citation"] for each in found]
    return [(c["url"], c["start_index"], c["end_index"]) for c in cited if isinstance(c, dict)]


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [(0, 6, (0, 5)), (7, 10, (6, 8)), (7, 999, (6, 8)), (-3, 1, (0, 0)), (9, 3, (7, 2))],
)
def test_places_in_bytes_become_places_in_characters(
    start: int, end: int, told: tuple[int, int]
) -> None:
    support = {"segment": {"startIndex": start, "endIndex": end}, "groundingChunkIndices": [0]}
    found = {"groundingChunks": [{"web": {"uri": "u"}}], "groundingSupports": [support]}
    assert spans(found) == [("u", *told)]


@given(st.text(max_size=20), st.lists(st.integers(-3, 99), max_size=6))
def test_places_are_those_of_the_text_that_stands_before_them(text: str, places: list[int]) -> None:
    cited = {"citations": [{"uri": "u", "endIndex": at} for at in places]}
    told = annotations_of(NULL, raw(cited), text)
    data = text.encode()
    for each, at in zip(told, places, strict=True):
        before = len(data[: max(at, 0)].decode(errors="ignore"))
        place = each["url_citation"]["end_index"]
        assert place == (max(at, 0) if text.isascii() else before)


def test_odd_sources_are_left_out() -> None:
    chunks = [{}, {"web": {}}, {"maps": {"uri": "m"}}]
    supports = [{"groundingChunkIndices": [0, 1, 2, 7, -1]}, {}]
    assert spans({"groundingChunks": chunks, "groundingSupports": supports}) == [("m", 0, 0)]
    assert spans({}) == []


def test_sources_are_bounded() -> None:
    chunks = [{"web": {"uri": "u"}}]
    supports = [{"groundingChunkIndices": [0] * 100}] * 1000
    found = {"groundingChunks": chunks * 1000, "groundingSupports": supports}
    assert len(spans(found)) == MAX_SOURCES


@pytest.mark.parametrize("odd", [b"7", b'{"groundingChunks":7}', b"[" * 9000])
def test_what_cannot_be_read_is_nothing(odd: bytes) -> None:
    assert annotations_of(Raw(odd), NULL, TEXT) == []
    assert logprobs_of(Raw(odd)) is None


def test_vertex_calls_citations_by_another_name() -> None:
    cited = {"citations": [{"startIndex": 0, "endIndex": 3, "uri": "u", "title": "T"}]}
    where = {"url": "u", "title": "T", "start_index": 0, "end_index": 3}
    assert annotations_of(NULL, raw(cited), "abc") == [
        {"type": "url_citation", "url_citation": where}
    ]


def test_a_token_may_have_no_rivals() -> None:
    chosen = [{"token": "a", "logProbability": -1}, {"token": "b"}]
    told = logprobs_of(raw({"chosenCandidates": chosen, "topCandidates": [{}]}))
    assert told is not None
    assert told["content"] == [
        {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []},
        {"token": "b", "logprob": 0.0, "bytes": [98], "top_logprobs": []},
    ]
    assert logprobs_of(raw({"chosenCandidates": []})) is logprobs_of(NULL) is None
