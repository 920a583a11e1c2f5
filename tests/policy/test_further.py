"""Models that a request names beside the one it asks for."""

import json

import pytest

from gateway.forms import chat, messages
from gateway.policy.further import FURTHER, check_further
from gateway.words.call import Call
from gateway.words.errors import BadRequest

TURNS = [{"role": "user", "content": "Hi"}]


def chats(**fields: object) -> Call:
    return chat.read_request(
        "chat", json.dumps({"model": "m", "messages": TURNS} | fields).encode()
    )


def asks(**fields: object) -> Call:
    body = {"model": "m", "messages": TURNS, "max_tokens": 9} | fields
    return messages.read_request("chat", json.dumps(body).encode(), {})


@pytest.mark.parametrize("name", FURTHER)
def test_s13_who_may_ask_for_some_names_no_further_ones(name: str) -> None:
    """S13."""
    for call in (chats(**{name: ["large"]}), asks(**{name: [{"model": "large"}]})):
        with pytest.raises(BadRequest) as caught:
            check_further(call)
        assert caught.value.param == name


def test_s13_nor_by_a_tool_that_runs_a_model() -> None:
    """S13."""
    with pytest.raises(BadRequest):
        check_further(asks(tools=[{"type": "advisor", "name": "advisor", "model": "large"}]))


@pytest.mark.parametrize(
    "tools",
    [
        [{"name": "pick", "input_schema": {"properties": {"model": {"type": "string"}}}}],
        [{"name": "pick", "model": None}],
        "model",
        [7, "model"],
    ],
    ids=str,
)
def test_a_tool_that_speaks_of_models_runs_none(tools: object) -> None:
    check_further(chats(tools=tools))


def test_what_says_nothing_is_nothing() -> None:
    check_further(chats(models=[], fallbacks=None))
    check_further(chats())
