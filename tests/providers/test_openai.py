"""OpenAI's kind: a bearer token, or nothing for servers that want none; and kinds made like it."""

import pytest

from gateway.providers import openai
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target

URL = "https://api.example.com/v1"


def test_the_key_is_shown_as_a_bearer_token() -> None:
    assert openai.credentials(Secret("sk-1")) == ((b"authorization", b"Bearer sk-1"),)


def test_a_server_without_a_key_is_shown_none() -> None:
    assert openai.credentials(None) == ()


def test_a_further_kind_differs_in_its_defaults_alone() -> None:
    kind = openai.kind_of("Example", URL, openai.Quirks())
    settings = kind.Options(api_key=Secret("sk-1"))
    assert isinstance(settings, openai.Options)
    assert (settings.base_url, settings.models, settings.running_usage) == (URL, "*", False)
    assert kind.FORM == openai.FORM
    assert kind.credentials(settings.api_key) == openai.credentials(Secret("sk-1"))
    assert kind.Options.__doc__ == "Example, which speaks OpenAI's form."


def test_a_kind_that_lists_nothing_has_no_models_until_they_are_named() -> None:
    kind = openai.kind_of("Example", URL, openai.Quirks(lists=False))
    assert kind.Options().models == []


def test_a_kind_without_an_address_must_be_given_one() -> None:
    kind = openai.kind_of("Example", "", openai.Quirks())
    with pytest.raises(TypeError, match="base_url"):
        kind.Options()
    assert kind.Options(base_url=URL).base_url == URL


def test_running_usage_is_taken_where_it_can_be_reported() -> None:
    able = openai.kind_of("Example", URL, openai.Quirks(running_usage=True))
    unable = openai.kind_of("Example", URL, openai.Quirks())
    assert [sorted(kind.Options.REFUSES) for kind in (able, unable)] == [[], ["running_usage"]]


@pytest.mark.parametrize(
    ("base_url", "known", "said", "speaks"),
    [
        (openai.OPENAI, False, None, True),
        (openai.OPENAI + "/", False, None, True),
        (openai.OPENAI, False, False, False),
        (URL, False, None, False),
        (URL, False, True, True),
        (URL, True, None, True),
        (URL, True, False, False),
    ],
)
def test_a_server_speaks_responses_where_it_is_known_or_said(
    base_url: str, known: bool, said: bool | None, speaks: bool
) -> None:
    kind = openai.kind_of("Example", "", openai.Quirks(responses=known))
    settings = kind.Options(base_url=base_url, responses=said)
    target = Target("up", "example", "chat", Origin("http", "h", 1), "/v1", "m")
    assert settings.fitted(target).speaks("responses") is speaks
