"""Clients that speak other forms than chat.

The worlds are those that there are: the same clients ask for the same in other words, and their
providers speak chat. How what they are told is judged stands in `heard.py`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation.wishes import Wish

SPOKEN = 1_000_000_000
"""From this seed on clients speak other forms, in the world that the seed less this leads to."""

PATHS = {"messages": b"/v1/messages", "responses": b"/v1/responses"}
_CHAT = b"/v1/chat/completions"
_CHUNKED = b"transfer-encoding: chunked"

Said = dict[str, Any]


def world_of(seed: int) -> int:
    """Return the seed of the world behind one in which other forms are spoken: none with money."""
    number = seed - SPOKEN
    return number // 2 * 3 + number % 2


def in_other_words(seed: int, wish: Wish) -> Wish:
    """Return the same request in another form; what is no chat stays as it is."""
    if not wish.chats:
        return wish
    form = Random(f"{seed} {wish.id} form").choice(sorted(PATHS))
    head, body = wish.wire[: wish.head_bytes], wish.wire[wish.head_bytes :]
    chunked = _CHUNKED in head.lower()
    size = int(body.partition(b"\r\n")[0], 16) if chunked else 0
    said = json.loads(b"".join(_parts(body)) if chunked else body)
    told = json.dumps(_ASKED[form](said)).encode()
    if chunked:
        parts = [told[begin : begin + size] for begin in range(0, len(told), size)]
        told = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
    else:
        head = head.replace(b"Content-Length: %d" % len(body), b"Content-Length: %d" % len(told))
    wire = head.replace(_CHAT, PATHS[form], 1) + told
    return replace(wish, form=form, wire=wire, usage=False)


def _parts(body: bytes) -> Iterator[bytes]:
    """Yield the parts of a body in chunks."""
    while body:
        size, _, rest = body.partition(b"\r\n")
        yield rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]


def _turns(said: Said) -> list[Said]:
    """Return the one turn: who asks stands first, where a provider that reads little looks."""
    (turn,) = said["messages"]
    return [{**turn, "content": f"{said['user']}: {turn['content']}" + said.get("padding", "")}]


def _asked_messages(said: Said) -> Said:
    known = {"model": said["model"], "stream": said["stream"], "messages": _turns(said)}
    return {**known, "max_tokens": 1000, "metadata": {"user_id": said["user"]}}


def _asked_responses(said: Said) -> Said:
    known = {"model": said["model"], "stream": said["stream"], "input": _turns(said)}
    return {**known, "store": False, "user": said["user"]}


_ASKED: dict[str, Callable[[Said], Said]] = {
    "messages": _asked_messages,
    "responses": _asked_responses,
}
