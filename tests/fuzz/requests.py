"""What a connection's bytes come to: the requests in them, read by the house's own parts."""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.downstream.body import body_of
from gateway.downstream.head import Head, end_of_head, read_head
from gateway.words.errors import ClientMistake

END_OF_LINE = b"\r\n"


class Request(NamedTuple):
    """One request as somebody understood it; of fields with one name the values are joined."""

    method: str
    path: str
    version: str
    fields: Mapping[bytes, bytes]
    body: bytes
    keeps_alive: bool


class Reading(NamedTuple):
    """All that was taken for a request, and why that was the last: "" where bytes were wanting."""

    requests: list[Request]
    refusal: str


def request_of(head: Head, body: bytes) -> Request:
    """Return a request as the house understood it."""
    version = "1.0" if head.http10 else "1.1"
    return Request(head.method, head.path, version, head.headers, body, head.keep_alive)


def read_by_house(data: bytes) -> Reading:
    """Read as `downstream.connection` and its client do, without the stream between them."""
    requests: list[Request] = []
    while True:
        data = data.removeprefix(END_OF_LINE)
        try:
            end = 0 if data == b"\r" else end_of_head(data)
            if not end:
                return Reading(requests, "")
            head = read_head(data[:end])
            reader = body_of(head.length)
            body, rest = reader.feed(data[end:])
        except ClientMistake as mistake:
            return Reading(requests, mistake.message)
        if not reader.complete:
            return Reading(requests, "")
        requests.append(request_of(head, body))
        if not head.keep_alive:
            return Reading(requests, "")
        data = rest
