"""`base_url`: what is taken, and that nothing else becomes an upstream address (R1, S14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.address import MAX_LENGTH, parse_base_url
from gateway.words.target import Origin


@pytest.mark.parametrize(
    ("text", "origin", "path"),
    [
        ("https://api.openai.com/v1", Origin("https", "api.openai.com", 443), "/v1"),
        ("https://api.openai.com/v1/", Origin("https", "api.openai.com", 443), "/v1"),
        ("HTTP://Local_Host:8000", Origin("http", "local_host", 8000), ""),
        ("http://127.0.0.1/", Origin("http", "127.0.0.1", 80), ""),
        ("http://[0:0::1]:8080/v1", Origin("http", "::1", 8080), "/v1"),
        ("https://a.b-c.d/x/y%20z/~v1", Origin("https", "a.b-c.d", 443), "/x/y%20z/~v1"),
    ],
)
def test_an_address_is_taken_apart(text: str, origin: Origin, path: str) -> None:
    assert parse_base_url(text) == (origin, path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("http://" + "a" * MAX_LENGTH, "is longer than 2048 characters"),
        ("http://a b", "holds a space or a character outside ASCII"),
        ("http://a\n.example", "holds a space or a character outside ASCII"),
        ("http://\u00fc.example", "holds a space or a character outside ASCII"),
        ("http://a/?b=c", "has a query or a fragment"),
        ("http://a#b", "has a query or a fragment"),
        ("a.example/v1", "does not begin with http:// or https:// and a host"),
        ("ftp://a.example", "does not begin with http:// or https:// and a host"),
        ("http:///v1", "does not begin with http:// or https:// and a host"),
        ("https://user:password@a.example", "holds a user name or password"),
        ("http://a:b", "has a malformed host or port"),
        ("http://a:", "has a malformed host or port"),
        ("http://:80", "has a malformed host or port"),
        ("http://[::1]x", "has a malformed host or port"),
        ("http://[::1%25eth0]", "has a malformed host or port"),
        ("http://a\\b", "has a malformed host or port"),
        ("http://a:0", "has a port that is not within 1 to 65535"),
        ("http://a:65536", "has a port that is not within 1 to 65535"),
        ("http://[1::2::3]", "has a malformed IPv6 address"),
        ("http://a..b", "has a malformed host"),
        ("http://.a", "has a malformed host"),
        ("http://-", "has a malformed host"),
        ("http://a/%zz", "has a path with characters that a URL does not hold"),
        ("http://a/b|c", "has a path with characters that a URL does not hold"),
        ("http://a/../b", "has a path with an empty segment or one of dots"),
        ("http://a/%2e%2E/b", "has a path with an empty segment or one of dots"),
        ("http://a/b%2f../c", "has a path with an empty segment or one of dots"),
        ("http://a//b", "has a path with an empty segment or one of dots"),
    ],
)
def test_any_other_text_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_base_url(text)
    assert str(caught.value).startswith(said)


def test_s17_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(ValueError) as caught:
        parse_base_url("https://me:hunter2@a.example/v1")
    assert "hunter2" not in str(caught.value)


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="htps:/@?#[]%.a0\\-_ ").map(lambda rest: "http://" + rest),
    )
)
def test_any_text_is_an_address_that_stays_one_or_is_refused(text: str) -> None:
    try:
        origin, path = parse_base_url(text)
    except ValueError:
        return
    assert parse_base_url(f"{origin}{path}") == (origin, path)
    assert path == "" or path.startswith("/")
    assert ".." not in path.split("/")
