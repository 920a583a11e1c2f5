"""Asks a peer as a client does, and looks at the answer: once whole, once as a stream."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.peers.peer import MODEL, PATH

EVENTS: Final = 5
"""Events of content in the stream that is asked for."""

PATIENCE: Final = 10.0
"""Seconds for one answer."""


class Unanswered(Exception):
    """What came back was no answer of the provider; its text says in a clause what it was."""


def ask(port: int, headers: Mapping[str, str], *, stream: bool) -> None:
    """Send one request and check what comes back. Raises `Unanswered`."""
    kind = "a stream" if stream else "a plain request"
    try:
        status, body = _exchange(port, headers, stream=stream)
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(f"{kind} ended with {type(error).__name__}") from error
    if status != 200:
        raise Unanswered(f"{kind} was answered with status {status}")
    problem = _streamed(body) if stream else _plain(body)
    if problem:
        raise Unanswered(f"{kind} {problem}")


def _exchange(port: int, headers: Mapping[str, str], *, stream: bool) -> tuple[int, bytes]:
    messages = [{"role": "user", "content": f"bench events={EVENTS}"}]
    body = json.dumps({"model": MODEL, "messages": messages, "stream": stream})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", PATH, body, {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _plain(body: bytes) -> str:
    """Say what is wrong with an answer that is one piece; nothing where nothing is."""
    try:
        said = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return "brought no message"
    return "" if said else "brought an empty message"


def _streamed(body: bytes) -> str:
    """Say what is wrong with a stream of events."""
    events = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    if not events or events[-1] != b"[DONE]":
        return "did not end with [DONE]"
    try:
        found = sum(_has_content(json.loads(event)) for event in events[:-1])
    except ValueError:
        return "brought events that are no JSON"
    return "" if found == EVENTS else f"brought {found} events of {EVENTS}"


def _has_content(event: dict[str, Any]) -> bool:
    return any(choice.get("delta", {}).get("content") for choice in event.get("choices", ()))
