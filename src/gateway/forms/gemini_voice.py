"""What one candidate of a Gemini answer says, part by part, in OpenAI's words. Pure.

A signature goes out in `reasoning_details`, by the id of the call that it belongs to, so that a
client which sends those back has the provider find its own thought unchanged.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec.json import format as format_json

from gateway.forms.gemini_facts import Candidate, FunctionCall, Part
from gateway.forms.gemini_names import Ids
from gateway.forms.gemini_sources import MAX_SOURCES, annotations_of
from gateway.forms.gemini_turns import FORMAT, picture_id

Delta = dict[str, Any]

_EMPTY: Final = "{}"
_NULL: Final = b"null"


MOST_TEXT: Final = 262_144
"""Characters of an answer that are kept to find the places of citations in."""


class Voice:
    """One candidate, as it speaks."""

    __slots__ = (
        "_begun",
        "_cited",
        "_details",
        "_left",
        "_looks",
        "_pictures",
        "_text",
        "_told",
        "calls",
    )

    def __init__(self) -> None:
        self._left = MOST_TEXT
        self._begun = False
        self._cited: tuple[object, ...] = ()
        self._details = 0
        self._looks = MAX_SOURCES
        self._pictures = 0
        self._text: list[str] = []
        self._told: set[tuple[object, ...]] = set()
        self.calls = 0

    def word(self, candidate: Candidate) -> str | None:
        """Return what is said where that is text alone, behind other words; None for all else."""
        content = candidate.content
        if not self._begun or candidate.finish_reason or content is None or not content.parts:
            return None
        part = content.parts[0]
        if len(content.parts) > 1 or part.thought or part.thought_signature or not part.text:
            return None
        if part.function_call is not None or part.inline_data is not None:
            return None
        sources, citations = candidate.grounding_metadata, candidate.citation_metadata
        if not bytes(candidate.logprobs_result) == bytes(sources) == bytes(citations) == _NULL:
            return None
        self._keep(part.text)
        return part.text

    def say(self, candidate: Candidate, ids: Ids, names: Mapping[str, str]) -> Iterator[Delta]:
        """Yield what a candidate adds to its message; `names` are those that tools really have."""
        parts = candidate.content.parts if candidate.content is not None else None
        for part in parts or ():
            for delta in self._part(part, ids, names):
                yield delta if self._begun else {"role": "assistant", **delta}
                self._begun = True
        new = self._sources(candidate)
        if new:
            yield {"annotations": new}

    def end(self) -> Delta:
        """Return what is left to say at the end: who spoke, where nothing was said."""
        return {} if self._begun else {"role": "assistant", "content": ""}

    def _part(self, part: Part, ids: Ids, names: Mapping[str, str]) -> Iterator[Delta]:
        sign = part.thought_signature
        if part.function_call is not None:
            yield from self._call(part.function_call, sign, ids, names)
        elif part.inline_data is not None:
            blob = part.inline_data
            url = {"url": f"data:{blob.mime_type};base64,{blob.data}"}
            signed = self._signed(sign, picture_id(self._pictures))
            self._pictures += 1
            yield {"images": [{"type": "image_url", "image_url": url}], **signed}
        elif part.thought:
            signed = {"type": "reasoning.text", "text": part.text or "", "signature": sign}
            details = {"reasoning_details": [self._detail(signed)]} if sign else {}
            if part.text or details:
                yield {**({"reasoning_content": part.text} if part.text else {}), **details}
        elif part.text or sign:
            self._keep(part.text or "")
            yield {**({"content": part.text} if part.text else {}), **self._signed(sign)}

    def _call(
        self, call: FunctionCall, sign: str | None, ids: Ids, names: Mapping[str, str]
    ) -> Iterator[Delta]:
        """Yield the call of a tool: its name first, then its arguments."""
        at, known_as = self.calls, call.id or ids.next()
        self.calls += 1
        function = {"name": names.get(call.name, call.name), "arguments": ""}
        whole = {"index": at, "id": known_as, "type": "function", "function": function}
        yield {"tool_calls": [whole], **self._signed(sign, known_as)}
        args = bytes(call.args)
        arguments = _EMPTY if args == _NULL else format_json(args, indent=-1).decode()
        yield {"tool_calls": [{"index": at, "function": {"arguments": arguments}}]}

    def _signed(self, sign: str | None, id: str | None = None) -> Delta:
        if not sign:
            return {}
        known = {"type": "reasoning.encrypted", "data": sign}
        return {"reasoning_details": [self._detail({**known, "id": id} if id else known)]}

    def _detail(self, said: Delta) -> Delta:
        self._details += 1
        return {**said, "format": FORMAT, "index": self._details - 1}

    def _keep(self, text: str) -> None:
        self._left -= len(text)
        if self._left >= 0:
            self._text.append(text)

    def _sources(self, candidate: Candidate) -> list[Delta]:
        """Return the citations that have not been told yet: a later event may tell all again."""
        grounding, citations = candidate.grounding_metadata, candidate.citation_metadata
        if bytes(grounding) == bytes(citations) == _NULL:
            return []
        cited = (bytes(grounding), bytes(citations), len(self._text))
        if cited == self._cited or not self._looks:
            return []
        self._cited = cited
        self._looks -= 1
        new: list[Delta] = []
        found = annotations_of(grounding, citations, "".join(self._text))
        for each in found:
            place = tuple(each["url_citation"].values())
            if place not in self._told and len(self._told) < MAX_SOURCES:
                self._told.add(place)
                new.append(each)
        return new


def message_of(deltas: Iterable[Delta]) -> Delta:
    """Put a whole message together from all that was said of it."""
    message: Delta = {"role": "assistant", "content": None, "refusal": None}
    texts: dict[str, list[str]] = {}
    calls: list[Delta] = []
    for delta in deltas:
        for key, said in delta.items():
            if key == "tool_calls":
                _add_call(calls, said[0])
            elif isinstance(said, list):
                message.setdefault(key, []).extend(said)
            elif key != "role":
                message.setdefault(key, None)
                texts.setdefault(key, []).append(said)
    message |= {key: "".join(said) for key, said in texts.items()}
    return {**message, "tool_calls": calls} if calls else message


def _add_call(calls: list[Delta], said: Delta) -> None:
    """Take in a call's name, or then its arguments."""
    if "id" in said:
        calls.append({key: value for key, value in said.items() if key != "index"})
    else:
        calls[-1]["function"]["arguments"] = said["function"]["arguments"]
