"""Answers as the store keeps them: they come back as they were, and nothing else comes back."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.cache import Kept
from gateway.store.packing import MOST_PIECES, pack, unpack
from gateway.words.answer import Fault, Piece, Usage

KEY = b"k" * 32
PIECES = (
    Piece(b"data: 1\n\n", True, model="gpt-5.2"),
    Piece(b": comment\n\n", comment=True),
    Piece(b"data: 2\n\n", usage=Usage(1, 2, 3, 4), usage_only=True),
)
KEPT = Kept(PIECES, 200, ((b"openai-version", b"2020-10-01"),), "openai/gpt-5.2", Usage(1, 2))


def test_an_answer_comes_back_as_it_was() -> None:
    assert unpack(KEY, pack(KEY, KEPT)) == KEPT


def test_an_answer_of_another_key_is_none() -> None:
    assert unpack(b"x" * 32, pack(KEY, KEPT)) is None


def test_an_answer_with_a_fault_does_not_come_back() -> None:
    faulty = replace(KEPT, pieces=(Piece(b"data: {}\n\n", fault=Fault("no", "server_error")),))
    assert unpack(KEY, pack(KEY, faulty)) is None


def changed(number: int, value: object) -> bytes:
    """Return the packed answer with another value in one of its places."""
    fields: list[Any] = msgspec.msgpack.decode(pack(KEY, KEPT))
    fields[number] = value
    return msgspec.msgpack.encode(fields)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\xc1",
        pack(KEY, KEPT)[:-1],
        pack(KEY, KEPT) + b"\0",
        msgspec.msgpack.encode([*msgspec.msgpack.decode(pack(KEY, KEPT)), 1]),
        b"\x91" * 5000,
        changed(0, 1),
        changed(1, "k" * 32),
        changed(1, b"k" * 65),
        changed(2, 500),
        changed(2, 199),
        changed(2, True),
        changed(3, [[b"x-ok", b"a\r\nset-cookie: b"]]),
        changed(3, [[b"X-Upper", b"a"]]),
        changed(3, [[b"content-length", b"5"]]),
        changed(3, [[b"set-cookie", b"a=b"]]),
        changed(3, [[b"x", b"y"]] * 65),
        changed(4, ""),
        changed(4, "a\nb"),
        changed(4, "a" * 2000),
        changed(5, {"input_tokens": "many"}),
        changed(6, []),
        changed(6, [[b"raw"]]),
        changed(6, [["text", True, None, False, None, None, False, False]]),
        changed(6, [[b"", True, None, False, None, None, False, False]] * (MOST_PIECES + 1)),
    ],
)
def test_what_is_none_of_ours_is_none(data: bytes) -> None:
    assert unpack(KEY, data) is None


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_do_harm(junk: bytes, at: int) -> None:
    whole = pack(KEY, KEPT)
    unpack(KEY, junk)
    found = unpack(KEY, whole[:at] + junk + whole[at:])
    assert found is None or isinstance(found, Kept)
