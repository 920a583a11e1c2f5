"""What a provider has said is read by its type, or not at all."""

import msgspec
import pytest

from gateway.forms.decoded import decoded


class Word(msgspec.Struct):
    text: str = ""


decode = msgspec.json.Decoder(Word).decode
decode_tree = msgspec.json.Decoder(list[object]).decode


def test_what_is_of_the_type_is_read() -> None:
    assert decoded(decode, b'{"text":"Hi","else":1}') == Word("Hi")


@pytest.mark.parametrize("half", [b"\\ud83d", b"\\ude00"])
def test_half_a_surrogate_pair_is_replaced(half: bytes) -> None:
    assert decoded(decode, b'{"text":"a%b"}' % half) == Word("a\ufffd")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"text":1}', b'{"text":"\xff"}'])
def test_what_cannot_be_read_is_nothing(data: bytes) -> None:
    assert decoded(decode, data) is None


def test_what_is_nested_too_deeply_is_nothing() -> None:
    assert decoded(decode_tree, b"[" * 100_000) is None
