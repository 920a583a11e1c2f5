"""What it costs to translate one event of a stream: `python -m benchmarks.translation`.

Each form's golden stream of text is read up to a word; that word is then read again and again, by
itself, and written for each kind of client. Microseconds of this process, in the median.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gateway.forms import Reader
from gateway.forms.chat import read_request
from gateway.forms.table import DOWNSTREAM_FORMS, UPSTREAM_FORMS
from gateway.words.answer import Piece
from gateway.words.call import Call
from tests.framed import framed

WIRE = Path(__file__).parents[1] / "tests/wire"
BAR = 15.0
"""Microseconds an event, in the median."""

TIMES = 2_000
MANY = 1 << 40
STREAMS = {
    "chat": ("plain.sse", "text/event-stream", b"\n\n"),
    "messages": ("text.sse", "text/event-stream", b"\n\n"),
    "gemini": ("text.sse", "text/event-stream", b"\r\n\r\n"),
    "cohere": ("text.sse", "text/event-stream", b"\n\n"),
    "ollama": ("text.ndjson", "application/x-ndjson", b"\n"),
    "bedrock": ("text.events", "application/vnd.amazon.eventstream", b""),
}
"""The golden stream of each form, how it is declared, and what ends its events."""

CLIENTS: dict[str, dict[str, object]] = {
    "chat": {"messages": [{"role": "user", "content": "Hello"}]},
    "messages": {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9},
    "responses": {"input": "Hello"},
}


def asked() -> Call:
    """Return a call that is answered as a stream."""
    return read_request(
        "chat", json.dumps({"model": "m", **CLIENTS["chat"], "stream": True}).encode()
    )


def events_of(form: str) -> list[bytes]:
    """Return a form's golden stream, event by event."""
    name, _, end = STREAMS[form]
    path = WIRE / form / name
    if end:
        return [part + end for part in path.read_bytes().split(end) if part]
    return [framed([json.loads(line)]) for line in path.read_text().splitlines()]


def at_a_word(form: str) -> tuple[Reader, bytes, list[Piece]]:
    """Return a reader that has read up to a word and with it, that word's event, and its pieces."""
    reader = UPSTREAM_FORMS[form].AnswerReader(asked(), 200, STREAMS[form][1], MANY, MANY)
    for event in events_of(form):
        pieces = reader.feed(event)
        if any(
            b'"content":"' in piece.raw.replace(b": ", b":") and piece.has_content
            for piece in pieces
        ):
            return reader, event, pieces
    raise LookupError(f"no word in the golden stream of {form}")


def median_of(act: Callable[[], object]) -> float:
    """Return microseconds."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter_ns()
        act()
        taken.append(time.perf_counter_ns() - began)
    return statistics.median(taken) / 1_000


def main() -> int:
    """Measure and tell; return 1 where a bar is missed."""
    console, most = Console(), 0.0
    table = Table("provider speaks", "read", *(f"for {name}" for name in CLIENTS), box=None)
    words = at_a_word("chat")[2]
    written = {}
    for name, fields in CLIENTS.items():
        body = json.dumps({"model": "m", "stream": True, **fields}).encode()
        form = DOWNSTREAM_FORMS[name]
        writer = form.AnswerWriter(form.read_request("chat", body, {}))
        writer.write(words)
        written[name] = median_of(partial(writer.write, words))
    for name in STREAMS:
        reader, event, _ = at_a_word(name)
        read = median_of(partial(reader.feed, event))
        sums = [read + cost for cost in written.values()]
        most = max(most, *sums)
        table.add_row(name, f"{read:.1f}", *(f"{cost:.1f}" for cost in sums))
    console.print("Microseconds an event, in the median: to read it, and to read and write it.")
    console.print(table)
    console.print(f"The most is {most:.1f} µs; the bar is {BAR:g} µs.")
    return int(most > BAR)


if __name__ == "__main__":
    sys.exit(main())
