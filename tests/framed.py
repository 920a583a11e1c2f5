"""Writes messages of AWS's binary event stream, as Bedrock sends them."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

TEXT = 7


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message; all headers are texts."""
    told = b"".join(
        b"%c%b%c%b%b"
        % (len(name.encode()), name.encode(), TEXT, len(value.encode()).to_bytes(2), value.encode())
        for name, value in headers.items()
    )
    return packed(told, payload)


def packed(headers: bytes, payload: bytes) -> bytes:
    """Return one message whose headers are written already."""
    prelude = (16 + len(headers) + len(payload)).to_bytes(4) + len(headers).to_bytes(4)
    whole = prelude + crc32(prelude).to_bytes(4) + headers + payload
    return whole + crc32(whole).to_bytes(4)


def event(name: str, fields: object) -> bytes:
    """Return an event of a stream."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, json.dumps(fields).encode())


def failure(name: str, fields: object) -> bytes:
    """Return an exception that a stream ends with."""
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return message(headers, json.dumps(fields).encode())


def chunk(fields: object) -> bytes:
    """Return an event of InvokeModelWithResponseStream, which holds what the model itself said."""
    said = b64encode(json.dumps(fields).encode()).decode()
    return event("chunk", {"bytes": said, "p": "abcdefghij"})


def framed(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a stream told line by line: the name of an event or exception, and its fields."""
    return b"".join(
        failure(name, fields) if name.endswith("Exception") else event(name, fields)
        for line in lines
        for name, fields in line.items()
    )


def framed_file(path: Path) -> bytes:
    """Return the stream that a file tells, one event in each line."""
    return framed(json.loads(line) for line in path.read_text().splitlines() if line)
