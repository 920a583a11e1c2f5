"""Where traces go: an address, what is shown there, and what is said of a mistake."""

from collections.abc import Mapping

import pytest

from gateway.config.traces import (
    MISSING,
    MOST_HEADERS,
    faults,
    parse_collector,
    secrets_of,
    shown_to,
)
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret


def options(endpoint: str | None = None, headers: Mapping[str, str] | None = None) -> LogOptions:
    fields = {name: Secret(value) for name, value in (headers or {}).items()}
    where = None if endpoint is None else Secret(endpoint)
    return LogOptions(otlp_endpoint=where, otlp_headers=fields)


@pytest.mark.parametrize(
    ("said", "origin", "target"),
    [
        ("http://localhost:4318", "http://localhost:4318", "/v1/traces"),
        ("http://localhost:4318/", "http://localhost:4318", "/v1/traces"),
        ("HTTPS://in.test/otlp", "https://in.test:443", "/otlp/v1/traces"),
        ("https://in.test/otlp/v1/traces", "https://in.test:443", "/otlp/v1/traces"),
        ("https://in.test/x?key=1", "https://in.test:443", "/x/v1/traces?key=1"),
    ],
)
def test_the_path_of_traces_is_added_unless_it_stands_there(
    said: str, origin: str, target: str
) -> None:
    place = parse_collector(said)
    assert (str(place.origin), place.target and place.target.reveal()) == (origin, target)
    assert place.authorization is None


def test_a_password_is_shown_to_the_collector_alone() -> None:
    place = parse_collector("https://me:pass-123@in.test")
    assert place.authorization is not None
    assert place.authorization.reveal().startswith("Basic ")
    assert "pass-123" not in repr(place)


@pytest.mark.parametrize(
    "said",
    ["", "somewhere:4318", "grpc://in.test", "file:///tmp/x", "http://in.test:x", "https://me@in"],
)
def test_what_is_no_address_is_told_without_repeating_it(said: str) -> None:
    ((name, text),) = faults(options(said))
    assert name == "otlp_endpoint"
    assert not said or said not in text


def test_without_the_extra_the_remedy_is_told() -> None:
    for package in ("nowhere", "nowhere.at.all"):
        assert list(faults(options("http://localhost"), package)) == [("otlp_endpoint", MISSING)]
    assert list(faults(options("http://localhost"))) == []
    assert list(faults(options(), "nowhere")) == []
    assert "nursery-gateway[otel]" in MISSING


def test_fields_are_written_as_headers_hold_them() -> None:
    said = options("http://localhost", {"Authorization": "Bearer%20abc-123", "X-Token": "t-456"})
    assert shown_to(said) == ((b"authorization", b"Bearer abc-123"), (b"x-token", b"t-456"))
    assert list(faults(said)) == []
    known = {secret.reveal() for secret in secrets_of(said)}
    assert known == {"Bearer%20abc-123", "Bearer abc-123", "abc-123", "t-456"}
    assert "abc-123" not in repr(said)


def test_what_is_no_ascii_is_shown_as_it_is_written() -> None:
    said = options(None, {"x-name": "Zo%C3%AB €"})
    assert shown_to(said) == ((b"x-name", "Zoë €".encode()),)
    assert list(faults(said)) == []


def test_nobody_is_told_twice_who_we_are() -> None:
    said = options("https://me:pass-123@in.test", {"Authorization": "Bearer%20abc-123"})
    ((name, text),) = faults(said)
    assert (name, "authorization" in text) == ("otlp_headers", True)
    assert "123" not in text


def test_the_password_of_an_address_is_known_to_the_scrubber() -> None:
    known = {secret.reveal() for secret in secrets_of(options("https://me:pass-123@in.test"))}
    assert "pass-123" in known
    assert set(secrets_of(options("https://in.test"))) == set()


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Content-Length": "7"}, "sets content-length, which is the gateway's to say"),
        ({"content-type": "text/plain"}, "sets content-type, which is the gateway's to say"),
        ({"User-Agent": "mine"}, "sets user-agent, which is the gateway's to say"),
        ({"X-Token": "v-123", "x-token": "v-456"}, "names a field twice"),
        ({"x y": "v-123"}, "has a field that no header can hold"),
        ({"": "v-123"}, "has a field that no header can hold"),
        ({"x": "v%0d%0aevil:1"}, "has a field that no header can hold"),
        ({"wörd": "v-123"}, "has a field that no header can hold"),
        ({f"x-{n}": "v" for n in range(MOST_HEADERS + 1)}, "has more than 20 fields"),
    ],
)
def test_what_no_header_can_hold_is_refused(headers: dict[str, str], told: str) -> None:
    assert list(faults(options(None, headers))) == [("otlp_headers", told)]
