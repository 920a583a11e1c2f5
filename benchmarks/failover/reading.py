"""What was on the wire, read without any client: text, ids, usage, errors, and how it ended. Pure.

A caller's answer is judged by this beside what OpenAI's own client made of it, which is silent
about much: a stream that just ends, words behind an error, ids that change.
"""

from typing import Any, Final

import msgspec

from benchmarks.failover.records import Heard

LATE: Final = 200
"""Characters that are kept of what comes behind an error."""


def read(heard: Heard, body: bytes) -> None:
    """Note all that a body says."""
    if heard.headers.get("content-type", "").startswith("text/event-stream"):
        for data in events(body):
            _note(heard, data)
    else:
        _whole(heard, body)


def events(body: bytes) -> list[str]:
    """Return the data of each event."""
    text = body.decode(errors="replace").replace("\r\n", "\n")
    blocks = (block.split("\n") for block in text.split("\n\n"))
    found = [[line[5:].lstrip(" ") for line in block if line[:5] == "data:"] for block in blocks]
    return ["\n".join(lines) for lines in found if lines]


def _note(heard: Heard, data: str) -> None:
    if heard.error is not None:
        heard.late = (heard.late + data)[:LATE]
    if data == "[DONE]":
        heard.done = True
        return
    told = _object(data)
    if told is None:
        heard.error = {"message": f"An event is no JSON: {data[:LATE]}", "code": "not JSON"}
    elif "error" in told:
        heard.error = _error(told)
    else:
        _facts(heard, told)
        for choice in told.get("choices") or ():
            heard.text += (choice.get("delta") or {}).get("content") or ""


def _whole(heard: Heard, body: bytes) -> None:
    told = _object(body.decode(errors="replace"))
    if told is None or "error" in told:
        heard.error = None if told is None else _error(told)
        return
    _facts(heard, told)
    for choice in told.get("choices") or ():
        heard.text += (choice.get("message") or {}).get("content") or ""


def _facts(heard: Heard, told: dict[str, Any]) -> None:
    """Note what a chunk and a whole answer have in common; the last usage is the answer's."""
    for known, name in ((heard.ids, "id"), (heard.models, "model")):
        if told.get(name) not in known:
            known.append(str(told.get(name)))
    heard.usage = told.get("usage") or heard.usage
    ends = (choice.get("finish_reason") for choice in told.get("choices") or ())
    heard.finishes += [end for end in ends if end]


def _error(told: dict[str, Any]) -> dict[str, Any]:
    error = told["error"]
    return error if isinstance(error, dict) else {"message": str(error)}


def _object(text: str) -> dict[str, Any] | None:
    try:
        told = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return told if isinstance(told, dict) else None
