"""Bodies of requests to Anthropic's Messages: said in two ways, or a sentence why not."""

import json

from msgspec import Raw

from gateway.forms import messages as form
from gateway.forms.table import upstream_form, write_request
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target
from tests.fuzz.calls import check_refusal

ORIGIN = Origin("http", "up.test", 80)
NATIVE = Target("up", "anthropic", "messages", ORIGIN, "/v1", "claude", max_tokens=9)
OTHERS = (
    Target("up", "openai", "chat", ORIGIN, "/v1", "gpt", drops=True),
    Target("up", "openai", "chat", ORIGIN, "/v1", "gpt"),
    Target("up", "bedrock", "bedrock", ORIGIN, "", "m", drops=True),
    Target("up", "gemini", "gemini", ORIGIN, "", "m", drops=True),
    Target("up", "cohere", "cohere", ORIGIN, "", "m", drops=True),
    Target("up", "ollama-native", "ollama", ORIGIN, "", "m", drops=True),
)


def messages(data: bytes) -> None:
    """Oracle: who speaks this form is told all as it came, and all others what JSON can say."""
    try:
        call = form.read_request("chat", data, {})
    except BadRequest as mistake:
        check_refusal(mistake)
        return
    assert call.native is not None
    written = write_request(upstream_form(call, NATIVE), call, NATIVE).body
    assert isinstance(written, bytes)
    _check_native(call, written)
    for target in OTHERS:
        try:
            body = write_request(upstream_form(call, target), call, target).body
        except BadRequest as mistake:
            check_refusal(mistake)
            continue
        assert isinstance(body, bytes)
        json.loads(body)


def _check_native(call: Call, written: bytes) -> None:
    sent = form.read_request("chat", written, {}).native
    assert call.native is not None
    assert sent is not None
    assert list(sent) == list(call.native)
    for name, raw in call.native.items():
        assert name in {"model", "messages"} or bytes(sent[name]) == bytes(raw)
    assert sent["model"] == Raw(b'"claude"')
