"""What clients of other forms are told, as chat would tell it, so that one judge is enough.

By rules of its own: its text, its last word, its error. Nothing here is taken from the house.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.simulation.record import Record
from tests.stage import DONE, event

Said = dict[str, Any]
_PING = b": keepalive\n\n"


def heard_as_chat(record: Record) -> None:
    """Turn what clients of other forms were told into what chat's would have been."""
    for guest in record.guests:
        for replies in (guest.written, guest.replies):
            for wish, reply in zip(guest.visit.wishes, replies, strict=False):
                if wish.form == "chat":
                    continue
                if reply.streams:
                    reply.body = bytearray(b"".join(_events(wish.form, bytes(reply.body))))
                elif reply.whole and not reply.until_close:
                    reply.body = bytearray(_whole(wish.form, reply.status, bytes(reply.body)))


def _events(form: str, body: bytes) -> Iterator[bytes]:
    """Yield a stream's whole events as chat's."""
    for block in body.split(b"\n\n")[:-1]:
        if block.startswith(b":"):
            yield block + b"\n\n"
            continue
        name, _, data = block.partition(b"\n")
        told = json.loads(data.removeprefix(b"data: ") or b"{}")
        if name == b"event: " + told.get("type", "").encode():
            yield from _HEARD[form](told)
        else:
            yield block + b"\n\n"  # it is none of the form's, and none of chat's


def _heard_messages(told: Said) -> Iterator[bytes]:
    match told["type"]:
        case "ping":
            yield _PING
        case "content_block_delta":
            yield event(told["delta"]["text"])
        case "message_stop":
            yield DONE
        case "error":
            yield _error(told["error"])


def _heard_responses(told: Said) -> Iterator[bytes]:
    match told["type"]:
        case "response.output_text.delta":
            yield event(told["delta"])
        case "response.completed" | "response.incomplete":
            yield DONE
        case "error":
            yield _error(told)


_HEARD: dict[str, Callable[[Said], Iterator[bytes]]] = {
    "messages": _heard_messages,
    "responses": _heard_responses,
}


def _error(told: Said) -> bytes:
    """Write an error as chat's stream tells it."""
    said = json.dumps({"message": told["message"], "code": told.get("code")}).encode()
    return b'data: {"error":' + said + b"}\n\n"


def _whole(form: str, status: int, body: bytes) -> bytes:
    """Write what came in one piece as chat would: an error, or the text alone."""
    told = json.loads(body)
    if status != 200:
        if form == "messages" and told.get("type") == "error":
            told = {"error": {**told["error"], "param": None, "code": None}}
        return json.dumps(told).encode()
    if form == "messages":
        return "".join(block["text"] for block in told["content"]).encode()
    items = [item for item in told["output"] if item["type"] == "message"]
    return "".join(part["text"] for item in items for part in item["content"]).encode()
