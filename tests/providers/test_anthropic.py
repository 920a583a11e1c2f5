"""Anthropic's kind: its own header for the key, and the version of its API with every request."""

from gateway.providers import anthropic
from gateway.words.secret import Secret

VERSION = (b"anthropic-version", b"2023-06-01")


def test_the_key_is_shown_in_the_providers_own_header() -> None:
    assert anthropic.credentials(Secret("sk-ant")) == ((b"x-api-key", b"sk-ant"), VERSION)


def test_a_server_without_a_key_is_told_the_version_alone() -> None:
    assert anthropic.credentials(None) == (VERSION,)


def test_where_its_api_begins_and_how_long_answers_may_be() -> None:
    options = anthropic.Options()
    assert (options.base_url, options.max_tokens) == ("https://api.anthropic.com/v1", 8192)


def test_its_list_of_models_is_asked_for_in_one_page() -> None:
    assert anthropic.Options.LISTS == "/models?limit=1000"
