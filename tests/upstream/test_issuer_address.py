"""Where an issuer's documents lie."""

import pytest

from gateway.upstream.issuer_address import address_of, discovery_of
from gateway.words.target import Origin

ISSUER = "https://id.example.com"
CONFIGURATION = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://id.example.com/jwks", (Origin("https", "id.example.com", 443), "/jwks")),
        ("https://ID.example.com", (Origin("https", "id.example.com", 443), "/")),
        ("https://a.test:8443/k/?p=b&q=1", (Origin("https", "a.test", 8443), "/k/?p=b&q=1")),
        ("http://127.0.0.1:80/k", (Origin("http", "127.0.0.1", 80), "/k")),
        ("http://localhost/k", (Origin("http", "localhost", 80), "/k")),
        ("http://[::1]/k", (Origin("http", "::1", 80), "/k")),
    ],
)
def test_an_address_is_taken_as_it_stands(url: str, address: tuple[Origin, str]) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://id.example.com/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost.example.com/",
        "https://a.test/../k",
        "https://a.test/k#f",
        "https://a.test/k?a=<b>",
        "https://a.test/k?a=\u00e9",
        "ftp://a.test/",
        "a.test/jwks",
    ],
)
def test_an_address_without_tls_or_sense_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        address_of(url)


def test_where_an_issuer_is_asked_for_its_configuration() -> None:
    origin = Origin("https", "id.example.com", 443)
    assert discovery_of(ISSUER) == discovery_of(ISSUER + "/") == (origin, CONFIGURATION)
    assert discovery_of(ISSUER + "/realms/x") == (origin, "/realms/x" + CONFIGURATION)
    for wrong in ("accounts.example.com", "http://id.example.com", ISSUER + "?a=b"):
        with pytest.raises(ValueError):
            discovery_of(wrong)
