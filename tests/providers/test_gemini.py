"""Gemini's kind: its own header for the key, and its own list of models."""

from gateway.providers import gemini
from gateway.words.secret import Secret


def test_the_key_is_shown_in_the_providers_own_header() -> None:
    assert gemini.credentials(Secret("AIza")) == ((b"x-goog-api-key", b"AIza"),)
    assert gemini.credentials(None) == ()


def test_where_its_api_begins_and_what_it_offers() -> None:
    options = gemini.Options()
    assert options.base_url == "https://generativelanguage.googleapis.com/v1beta"
    assert (options.models, options.LISTS) == ("*", "/models?pageSize=1000")
