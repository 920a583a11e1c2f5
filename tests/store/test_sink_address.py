"""Where receipts go: a file or an HTTP sink, and no message repeats what the operator wrote."""

import pytest

from gateway.store.sink_address import parse_sink, secrets_of
from gateway.words.secret import Secret
from gateway.words.target import Origin


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("file:///var/log/gateway/receipts.jsonl", "/var/log/gateway/receipts.jsonl"),
        ("FILE:///a%20b.jsonl", "/a b.jsonl"),
        ("file:///r@b.jsonl", "/r@b.jsonl"),
    ],
)
def test_a_file_is_an_absolute_path(text: str, path: str) -> None:
    place = parse_sink(text)
    assert (place.path, place.origin, str(place)) == (path, None, path)


@pytest.mark.parametrize(
    ("text", "origin", "target"),
    [
        ("https://in.test/v1/lines", Origin("https", "in.test", 443), "/v1/lines"),
        ("http://127.0.0.1:9/", Origin("http", "127.0.0.1", 9), "/"),
        ("https://in.test", Origin("https", "in.test", 443), "/"),
        ("https://in.test/in/", Origin("https", "in.test", 443), "/in/"),
        ("https://in.test/a?token=b%20c", Origin("https", "in.test", 443), "/a?token=b%20c"),
        ("https://in.test/a?to=x@y", Origin("https", "in.test", 443), "/a?to=x@y"),
        ("HTTP://[::1]:80/x", Origin("http", "::1", 80), "/x"),
    ],
)
def test_a_sink_is_an_origin_and_a_path(text: str, origin: Origin, target: str) -> None:
    place = parse_sink(text)
    assert (place.origin, place.path, str(place)) == (origin, "", str(origin))
    assert place.target is not None
    assert place.target.reveal() == target
    assert place.authorization is None


def test_who_we_are_is_shown_to_nobody_but_the_sink() -> None:
    place = parse_sink("https://me:pass%40word-0123456789@in.test/x?token=token-9876543210")
    assert place.authorization is not None
    assert place.authorization.reveal() == "Basic bWU6cGFzc0B3b3JkLTAxMjM0NTY3ODk="
    for shown in (repr(place), str(place)):
        assert "word-0123" not in shown
        assert "token-98" not in shown
        assert "bWU6" not in shown


@pytest.mark.parametrize(
    "text",
    [
        *("", "receipts.jsonl", "file:", "file://", "file://receipts.jsonl", "file:///"),
        *(
            "file:///a/",
            "file:///a/..",
            "file:///a\nb",
            "file:///%ff",
            "file:///a?b",
            "file:///%00",
        ),
        *("ftp://host/x", "http://", "https://host/ x", "https://host/x#y", "https://host:0/x"),
        *("https://secret@host/x", "https://secret:@host/x", "https://a:secret@b:c@host/x"),
        *('https://host/x?"', "https://host/a/../b", "https://host/" + "x" * 2048),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_sink(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (None, []),
        ("file:///var/log/r.jsonl?x=y", []),
        ("https://in.test/x", []),
        ("https://in.test/x?a=tok%20en&b=", ["tok en"]),
        ("https://me:p%40ss@in.test/x", ["p%40ss", "p@ss", "bWU6cEBzcw=="]),
    ],
)
def test_what_nobody_may_read_can_be_scrubbed(text: str | None, secrets: list[str]) -> None:
    found = list(secrets_of(None if text is None else Secret(text)))
    expected = [text, *secrets] if secrets else []
    assert [secret.reveal() for secret in found] == expected
