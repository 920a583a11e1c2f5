"""Cohere's kind: where it listens, and what it is shown."""

from gateway.providers import cohere
from gateway.words.secret import Secret


def test_the_key_is_a_bearer_token() -> None:
    assert cohere.credentials(None) == ()
    assert cohere.credentials(Secret("k")) == ((b"authorization", b"Bearer k"),)


def test_it_is_asked_where_it_listens_and_lists_its_models() -> None:
    options = cohere.Options()
    assert (options.base_url, options.models) == ("https://api.cohere.com", "*")
    assert options.LISTS == "/v1/models?page_size=1000"


def test_an_address_that_goes_too_far_is_a_mistake() -> None:
    assert list(cohere.Options().mistakes()) == []
    ((key, said),) = cohere.Options(base_url="https://api.cohere.com/v2").mistakes()
    assert key == "base_url"
    assert "where the server listens" in said
