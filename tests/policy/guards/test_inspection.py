"""A request that is looked through before anybody is asked it."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from gateway.forms import chat, messages, raw, responses
from gateway.forms.texts import MOST_PARTS
from gateway.policy.guards.credentials import Credentials
from gateway.policy.guards.finding import Findings
from gateway.policy.guards.guard import Guard, Rule, Sizes
from gateway.policy.guards.inspection import MOST_CHARACTERS, STRIDE, Inspection
from gateway.policy.guards.personal import KINDS
from gateway.words.call import Call, Upload
from gateway.words.errors import ContentBlocked
from tests.policy.guards.cutting import guard

MASKS = guard(KINDS["email"], Credentials())
BLOCKS = guard(KINDS["email"], then="block", name="b")
FLAGS = guard(KINDS["email"], then="flag", name="f")


class Inspected:
    """What came of a request."""

    def __init__(self, call: Call, *guards: Guard) -> None:
        self.noted: list[tuple[str, str]] = []
        findings = Findings(lambda name, deed: self.noted.append((name, deed)), answer=False)
        inspection = Inspection(call, guards, findings)
        self.turns = 0
        try:
            for _ in inspection.run():
                self.turns += 1
        finally:
            self.call = inspection.call
            self.texts = inspection.texts


def asked(**more: Any) -> Call:
    said: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "to a@b.de"}]}
    return chat.read_request("chat", json.dumps(said | more).encode())


def field(call: Call, name: str) -> Any:
    return msgspec.json.decode(call.fields[name])


def test_what_is_masked_leaves_masked_and_all_else_as_it_came() -> None:
    call = asked(temperature=1.50, tools=[{"type": "function", "function": {"name": "f"}}])
    inspected = Inspected(call, MASKS)
    assert field(inspected.call, "messages") == [{"role": "user", "content": "to [0]"}]
    assert bytes(inspected.call.fields["temperature"]) == b"1.5"
    assert (inspected.call.model, bytes(inspected.call.fields["model"])) == ("m", b'"m"')
    assert inspected.noted == [("g", "redact")]


def test_a_name_and_its_value_are_both_masked() -> None:
    inspected = Inspected(asked(metadata={"c@d.de": "e@f.de"}), MASKS)
    assert field(inspected.call, "metadata") == {"[0]": "[0]"}


def test_a_request_in_which_nothing_is_found_passes_as_it_came() -> None:
    call = asked(messages=[{"role": "user", "content": "hello"}])
    inspected = Inspected(call, MASKS, BLOCKS, FLAGS)
    assert inspected.call is call
    assert (inspected.noted, inspected.texts) == ([], ["hello"])


def test_what_is_blocked_is_refused_by_the_name_of_its_guard() -> None:
    with pytest.raises(ContentBlocked, match="The request was stopped by the guard 'b'"):
        Inspected(asked(), FLAGS, BLOCKS)


def test_what_is_flagged_passes_and_is_noted() -> None:
    call = asked()
    inspected = Inspected(call, FLAGS)
    assert (inspected.call is call, inspected.noted) == (True, [("f", "flag")])


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a@b.de"}]}]},
        {"messages": [{"role": "tool", "content": "a@b.de", "tool_call_id": "1"}]},
        {"messages": [{"role": "user", "name": "a@b.de", "content": "x"}]},
        {"tools": [{"type": "function", "function": {"name": "f", "description": "a@b.de"}}]},
        {"metadata": {"a@b.de": "x"}},
        {"unknown": {"deep": [["a@b.de"]]}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"a@b.de": {}}}}},
        {"messages": [{"role": "assistant", "tool_calls": [
            {"type": "function", "function": {"name": "f", "arguments": '{"x":"\\na@b.de"}'}}
        ]}]},
    ],
)  # fmt: skip
def test_it_is_found_wherever_it_stands(more: dict[str, Any]) -> None:
    inspected = Inspected(asked(**{"messages": [{"role": "user", "content": "x"}], **more}), MASKS)
    assert inspected.noted
    whole = b"".join(bytes(each) for each in inspected.call.fields.values())
    assert b"a@b.de" not in whole


def test_a_name_that_stands_twice_hides_nothing() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"a@b.de","content":"x"}]}'
    inspected = Inspected(chat.read_request("chat", body), BLOCKS)
    assert bytes(inspected.call.fields["messages"]) == b'[{"role":"user","content":"x"}]'


def test_a_call_of_another_form_is_masked_in_its_own_words_too() -> None:
    body = (
        b'{"model":"m","max_tokens":9,"system":"a@b.de","messages":[{"role":"user","content":"x"}]}'
    )
    inspected = Inspected(messages.read_request("chat", body, {}), MASKS)
    assert inspected.call.native is not None
    assert bytes(inspected.call.native["system"]) == b'"[0]"'
    assert b"a@b.de" not in bytes(inspected.call.fields["messages"])
    body = b'{"model":"m","instructions":"a@b.de","input":"to c@d.de"}'
    inspected = Inspected(responses.read_request("chat", body, {}), MASKS)
    assert inspected.call.native is not None
    assert bytes(inspected.call.native["input"]) == b'"to [0]"'
    assert inspected.texts == ["a@b.de", "to c@d.de"]


def test_what_is_no_chat_is_looked_at_too() -> None:
    call = raw.read_request("embeddings", b'{"model":"m","input":["x","a@b.de"]}')
    assert field(Inspected(call, MASKS).call, "input") == ["x", "[0]"]


SIGHTLESS = [
    {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
        ]
    },
    {"input": [1, 2]},
]
TOO_MUCH = [
    {"x": [[]] * MOST_PARTS},
    {"x": "x" * (MOST_CHARACTERS + 1)},
]


@pytest.mark.parametrize("more", SIGHTLESS)
def test_what_cannot_be_looked_into_is_refused_unless_it_may_pass(more: dict[str, Any]) -> None:
    call = asked(**{"messages": [{"role": "user", "content": "x"}], **more})
    for each in (MASKS, BLOCKS):
        with pytest.raises(ContentBlocked, match="cannot look into"):
            Inspected(call, each)
        passing = Guard(each.name, each.then, rules=each.rules, needs_sight=False)
        assert Inspected(call, passing).call.fields == call.fields
    assert Inspected(call, FLAGS, Guard("s", "block", sizes=Sizes(characters=99))).noted == []


@pytest.mark.parametrize("more", TOO_MUCH)
def test_whoever_pads_a_request_escapes_no_guard_that_holds(more: dict[str, Any]) -> None:
    call = asked(**more)
    for holding in (
        BLOCKS,
        Guard("p", "redact", rules=MASKS.rules, needs_sight=False),
        Guard("s", "block", sizes=Sizes(characters=99)),
    ):
        with pytest.raises(ContentBlocked, match="longer, or of more parts, than the guard"):
            Inspected(call, holding)
    assert Inspected(call, FLAGS).noted == [("f", "unseen")]


def test_a_long_text_that_tells_json_is_masked_a_part_at_a_time() -> None:
    told = json.dumps({"x": "to a@b.de " * 2_000})
    call = {"type": "function", "function": {"name": "f", "arguments": told}}
    inspected = Inspected(asked(messages=[{"role": "assistant", "tool_calls": [call]}]), MASKS)
    [message] = field(inspected.call, "messages")
    masked = json.loads(message["tool_calls"][0]["function"]["arguments"])
    assert masked == {"x": "to [0] " * 2_000}
    assert inspected.turns >= len(told) // STRIDE


def upload(**said: str) -> Call:
    fields = {name: Raw(json.dumps(value).encode()) for name, value in said.items()}
    return Call("raw", "image_edit", "m", False, True, fields, upload=Upload(b"b", b"body"))


def test_a_form_with_files_is_refused_or_passes_unchanged() -> None:
    with pytest.raises(ContentBlocked, match="cannot look into"):
        Inspected(upload(prompt="x"), MASKS)
    passing = Guard("g", "redact", rules=MASKS.rules, needs_sight=False)
    assert Inspected(upload(prompt="x"), passing).noted == []
    with pytest.raises(ContentBlocked, match="passed on as it is"):
        Inspected(upload(prompt="a@b.de"), passing)


@pytest.mark.parametrize(
    ("sizes", "beyond"),
    [
        (Sizes(characters=9), False),
        (Sizes(characters=8), True),
        (Sizes(turns=1), False),
        (Sizes(tokens=10_000), False),
        (Sizes(tokens=5), True),
        (Sizes(turns=0), True),
    ],
)
def test_a_request_may_be_so_large_and_no_larger(sizes: Sizes, beyond: bool) -> None:
    assert bool(Inspected(asked(), Guard("s", "flag", sizes=sizes)).noted) == beyond


def test_turns_are_counted_in_each_form() -> None:
    two = Guard("s", "flag", sizes=Sizes(turns=1))
    body = b'{"model":"m","input":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}'
    assert Inspected(responses.read_request("chat", body, {}), two).noted
    assert (
        Inspected(raw.read_request("completions", b'{"model":"m","prompt":"x"}'), two).noted == []
    )


def test_all_others_have_their_turn_while_much_is_looked_at() -> None:
    long = [{"role": "user", "content": "x" * STRIDE} for _ in range(3)]
    short = [{"role": "user", "content": "x"} for _ in range(2 * STRIDE)]
    assert Inspected(asked(messages=long), FLAGS).turns >= 2
    assert Inspected(asked(messages=short), FLAGS).turns >= 1
    assert (
        Inspected(asked(messages=[{"role": "user", "content": "x" * 5 * STRIDE}]), FLAGS).turns >= 4
    )


def test_a_rule_sees_only_what_its_guard_does() -> None:
    both = (
        Guard("s", "block", sizes=Sizes(characters=10)),
        Guard("r", "block", rules=(Rule(Credentials(), "x"),)),
    )
    assert Inspected(asked(), *both).noted == []
