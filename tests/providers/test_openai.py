"""OpenAI's kind: a bearer token, or nothing for servers that want none."""

from gateway.providers import openai
from gateway.words.secret import Secret


def test_the_key_is_shown_as_a_bearer_token() -> None:
    assert openai.credentials(Secret("sk-1")) == ((b"authorization", b"Bearer sk-1"),)


def test_a_server_without_a_key_is_shown_none() -> None:
    assert openai.credentials(None) == ()
