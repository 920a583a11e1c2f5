"""Writes what Cohere says beside words in OpenAI's chat form. Pure.

A thought or a plan goes out as `reasoning_content`; once it is whole, it goes out again in
`reasoning_details`, so that a client which sends those back has the provider find its own. Whom it
cites stands in `annotations`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.forms.cohere_facts import Citation, Source, Token

FORMAT: Final = "cohere-v2"
"""Tells the details of this provider's thoughts from those of others."""

THOUGHT: Final = "reasoning.text"
PLAN: Final = "reasoning.summary"

MOST_SOURCES: Final = 256
"""Of one citation; those behind are left out, for each is told with all that it needs."""

_ABOUT_WORDS: Final = frozenset({"", "TEXT_CONTENT"})
"""Kinds of citations that are about what is said; others are about thoughts and plans."""

Fields = dict[str, object]


def thought_of(text: str, index: int) -> Fields:
    """Return a whole thought."""
    return {"type": THOUGHT, "text": text, "format": FORMAT, "index": index}


def plan_of(text: str) -> Fields:
    """Return a whole plan of which tools are to be called."""
    return {"type": PLAN, "summary": text, "format": FORMAT, "index": 0}


def annotations_of(citation: Citation, offsets: Mapping[int, int]) -> list[Fields]:
    """Return what is cited, once for each source. `offsets` say where each block of text begins.

    A source without an address of its own is told by its id.
    """
    if citation.type not in _ABOUT_WORDS:
        return []
    begin = offsets.get(citation.content_index, 0)
    place = {"start_index": begin + citation.start, "end_index": begin + citation.end}
    return [
        {"type": "url_citation", "url_citation": {**place, **_address_of(source)}}
        for source in (citation.sources or ())[:MOST_SOURCES]
    ]


def _address_of(source: Source) -> Fields:
    told = source.document or source.tool_output or {}
    url, title = told.get("url"), told.get("title")
    return {
        "url": url if isinstance(url, str) and url else source.id,
        "title": title if isinstance(title, str) and title else source.id,
    }


def tokens_of(tokens: Sequence[Token] | None) -> list[Fields] | None:
    """Return how probable each token was, as OpenAI says it; None where nothing is said.

    A text that took several tokens is told as one: its probability is the product of theirs.
    """
    if not tokens:
        return None
    return [
        {
            "token": each.text,
            "logprob": sum(each.logprobs or ()),
            "bytes": list(each.text.encode(errors="replace")),
            "top_logprobs": [],
        }
        for each in tokens
    ]
