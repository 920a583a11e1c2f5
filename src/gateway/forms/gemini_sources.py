"""What a Gemini model builds on, told as OpenAI tells it: citations and log-probabilities. Pure.

The provider counts the places of a text in bytes of UTF-8, OpenAI in characters.

https://ai.google.dev/api/generate-content#GroundingMetadata
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

MAX_SOURCES: Final = 256
"""Citations of one answer, and looks at its text for them (R15)."""

_WITHIN: Final = bytes(range(0x80, 0xC0))
"""Bytes of UTF-8 that begin no character."""

_NULL: Final = b"null"

Fields = dict[str, Any]


class _Place(msgspec.Struct, gc=False):
    uri: str | None = None
    title: str | None = None


class _Chunk(msgspec.Struct, rename="camel", gc=False):
    web: _Place | None = None
    retrieved_context: _Place | None = None
    maps: _Place | None = None


class _Segment(msgspec.Struct, rename="camel", gc=False):
    start_index: int = 0
    end_index: int = 0


class _Support(msgspec.Struct, rename="camel", gc=False):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Grounding(msgspec.Struct, rename="camel", gc=False):
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None


class _Citation(msgspec.Struct, rename="camel", gc=False):
    start_index: int = 0
    end_index: int = 0
    uri: str | None = None
    title: str | None = None


class _Citations(msgspec.Struct, rename="camel", gc=False):
    """AI Studio calls them sources, Vertex citations."""

    citation_sources: list[_Citation] | None = None
    citations: list[_Citation] | None = None


class _Token(msgspec.Struct, rename="camel", gc=False):
    token: str = ""
    log_probability: float = 0.0


class _Tokens(msgspec.Struct, gc=False):
    candidates: list[_Token] | None = None


class _Logprobs(msgspec.Struct, rename="camel", gc=False):
    chosen_candidates: list[_Token] | None = None
    top_candidates: list[_Tokens] | None = None


_Cited = tuple[_Place | _Citation, int, int]

_decode_grounding = msgspec.json.Decoder(_Grounding | None).decode
_decode_citations = msgspec.json.Decoder(_Citations | None).decode
_decode_logprobs = msgspec.json.Decoder(_Logprobs).decode


def annotations_of(grounding: Raw, citations: Raw, text: str) -> list[Fields]:
    """Return what stands behind which part of the text; nothing where that cannot be read."""
    try:
        ground, cited = _decode_grounding(grounding), _decode_citations(citations)
    except (msgspec.DecodeError, RecursionError):
        return []
    found = list(_cited(cited)) if cited is not None else []
    if ground is not None:
        found += _grounded(ground, len(text.encode(errors="replace")))
    found = found[:MAX_SOURCES]
    places = _in_characters({at for *_, start, end in found for at in (start, end)}, text)
    return [_annotation(place, places[start], places[end]) for place, start, end in found]


def _cited(cited: _Citations) -> Iterator[_Cited]:
    sources = [*(cited.citation_sources or ()), *(cited.citations or ())]
    for each in sources[:MAX_SOURCES]:
        if each.uri:
            yield each, max(each.start_index, 0), max(each.end_index, 0)


def _grounded(ground: _Grounding, length: int) -> Iterator[_Cited]:
    """Yield a citation for each part of the text and each of its sources.

    A source of which nobody says where it was used stands behind the whole.
    """
    chunks = [
        each.web or each.retrieved_context or each.maps for each in ground.grounding_chunks or ()
    ]
    used: set[int] = set()
    left = MAX_SOURCES
    for support in (ground.grounding_supports or ())[:MAX_SOURCES]:
        segment = support.segment or _Segment()
        span = max(segment.start_index, 0), max(segment.end_index, 0)
        for at in (support.grounding_chunk_indices or ())[:left]:
            place = chunks[at] if 0 <= at < len(chunks) else None
            if place is not None and place.uri:
                used.add(at)
                left -= 1
                yield place, *span
    for at, place in enumerate(chunks[:MAX_SOURCES]):
        if at not in used and place is not None and place.uri:
            yield place, 0, length


def _annotation(place: _Place | _Citation, start: int, end: int) -> Fields:
    where = {"start_index": start, "end_index": end}
    return {
        "type": "url_citation",
        "url_citation": {"url": place.uri, "title": place.title or "", **where},
    }


def _in_characters(places: set[int], text: str) -> dict[int, int]:
    """Return places in bytes with those in characters: of one that is cut, where it begins."""
    if text.isascii():
        return dict(zip(places, places, strict=True))
    data = text.encode(errors="replace")
    found: dict[int, int] = {}
    before = begun = 0
    for at in sorted(places):
        begun += len(data[before:at].translate(None, _WITHIN))
        before = at
        is_within = at < len(data) and data[at] in _WITHIN
        found[at] = begun - 1 if is_within else begun
    return found


def logprobs_of(result: Raw) -> Fields | None:
    """Return the log-probabilities of what was said; None where there are none."""
    if bytes(result) == _NULL:
        return None
    try:
        told = _decode_logprobs(result)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not told.chosen_candidates:
        return None
    tops = told.top_candidates or []
    content = [
        {**_token(chosen), "top_logprobs": [_token(each) for each in _at(tops, at)]}
        for at, chosen in enumerate(told.chosen_candidates)
    ]
    return {"content": content, "refusal": None}


def _at(tops: list[_Tokens], at: int) -> list[_Token]:
    return (tops[at].candidates or []) if at < len(tops) else []


def _token(token: _Token) -> Fields:
    data = list(token.token.encode(errors="replace"))
    return {"token": token.token, "logprob": token.log_probability, "bytes": data}
