"""Pictures, sounds and files as Gemini takes them."""

import pytest

from gateway.forms.gemini_media import part_of, sound_of
from gateway.words.errors import Unsupported


@pytest.mark.parametrize(
    ("url", "kind", "data"),
    [
        ("data:image/png;base64,AAAA", "image/png", "AAAA"),
        ("data:IMAGE/JPEG;BASE64,AAAA", "image/jpeg", "AAAA"),
        ("data:text/plain;charset=utf-8;base64,AAAA", "text/plain", "AAAA"),
        ("data:application/vnd.a+json;base64,", "application/vnd.a+json", ""),
    ],
)
def test_what_is_there_is_told_itself(url: str, kind: str, data: str) -> None:
    assert part_of(url, "A file") == {"inlineData": {"mimeType": kind, "data": data}}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://h/a.png",
        "https://h/a.png",
        "file:///etc/passwd",
        "data:image/png,AAAA",
        "gs://bucket",
        "gs://bucket/a",
        "gs://bucket/a.exe",
        "gs://bucket/" + "a" * 5000 + ".png",
        "https://generativelanguage.googleapis.com/v1beta/files/../models",
        "https://generativelanguage.googleapis.com.example/v1beta/files/a",
        "https://generativelanguage.googleapis.com/v1beta/models/a",
    ],
)
def test_no_other_address_is_told(url: str) -> None:
    with pytest.raises(Unsupported, match="A picture") as caught:
        part_of(url, "A picture")
    assert caught.value.param == "messages"


def test_a_sound_is_of_a_known_kind() -> None:
    assert sound_of("AAAA", "mp3") == {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}}
    with pytest.raises(Unsupported):
        sound_of("AAAA", "midi")
