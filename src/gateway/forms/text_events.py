"""Finds the texts within the events of an answer, in each form: which goes on with which. Pure."""

from typing import Any, Final, NamedTuple

from gateway.forms.texts import Document, Leaf, Path

EVERYTHING: Final[Path] = ()
"""The beginning of the path of every text."""

_DELTA: Final = ".delta"
_SOUND: Final = frozenset({"response.audio.delta", "response.output_audio.delta"})
_ARGUMENTS: Final = "arguments"
_BEGUN: Final = frozenset({"text", "thinking"})
_OVER: Final = frozenset({"message_delta", "message_stop"})


class Part(NamedTuple):
    """A text of an event; `channel` is what all parts of one text have in common, None of a whole.

    `json` says that it tells JSON.
    """

    leaf: Leaf
    channel: Path | None
    json: bool


class Happening(NamedTuple):
    """What an event adds, and the beginning of the paths of those texts that have ended with it."""

    parts: list[Part]
    ends: tuple[Path, ...]


def happening_in(form: str, document: Document) -> Happening:
    """Return what an event of a form tells."""
    value = document.value
    if not isinstance(value, dict):
        return Happening([Part(leaf, None, leaf.json) for leaf in document.leaves], ())
    if form == "messages":
        return _in_messages(value, document)
    if form == "responses":
        return _in_responses(value, document)
    parts = [Part(leaf, _in_chat(leaf), leaf.json) for leaf in document.leaves]
    choices = value.get("choices")
    ended = [
        ("choices", _index_of(choice, at))
        for at, choice in enumerate(choices if isinstance(choices, list) else ())
        if isinstance(choice, dict) and choice.get("finish_reason")
    ]
    return Happening(parts, tuple(ended))


def without_probabilities(document: Document) -> bool:
    """Take out what would tell a text again, sign by sign; say whether there was any."""
    found = False
    waiting = [document.value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("logprobs"):
                value["logprobs"] = None if isinstance(value["logprobs"], dict) else []
                found = True
            waiting += [each for name, each in value.items() if name != "arguments"]
        elif isinstance(value, list):
            waiting += value
    return found


def _in_chat(leaf: Leaf) -> Path | None:
    path = leaf.path
    if len(path) < 3 or path[0] != "choices":
        return None
    return path if path[2] in {"delta", "text"} else None


def _in_messages(value: dict[str, Any], document: Document) -> Happening:
    kind, block = value.get("type"), _number(value.get("index"))
    parts = []
    for leaf in document.leaves:
        path = leaf.path
        goes_on = path[0] == "delta" and kind == "content_block_delta"
        goes_on = goes_on or (path[0] == "content_block" and path[-1] in _BEGUN and len(path) == 2)
        parts.append(Part(leaf, (block, *path[1:]) if goes_on else None, leaf.json))
    if kind == "content_block_stop":
        return Happening(parts, ((block,),))
    return Happening(parts, (EVERYTHING,) if kind in _OVER else ())


def _in_responses(value: dict[str, Any], document: Document) -> Happening:
    kind = value.get("type")
    kind = kind if isinstance(kind, str) else ""
    item = _number(value.get("output_index"))
    if not kind.endswith(_DELTA):
        parts = [Part(leaf, None, leaf.json) for leaf in document.leaves]
        return Happening(parts, ((item,),) if "output_index" in value else (EVERYTHING,))
    if kind in _SOUND:
        document.unseen = True
        return Happening([], ())
    place = (item, kind, _number(value.get("content_index")), _number(value.get("summary_index")))
    json = kind.endswith(_ARGUMENTS + _DELTA)
    parts = [
        Part(leaf, (*place, *leaf.path), json or leaf.json)
        if leaf.path[0] == "delta"
        else Part(leaf, None, leaf.json)
        for leaf in document.leaves
    ]
    return Happening(parts, ())


def _number(value: object) -> int:
    return value if type(value) is int else 0


def _index_of(choice: dict[str, Any], at: int) -> int:
    index = choice.get("index")
    return index if type(index) is int else at
