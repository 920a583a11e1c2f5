"""The manners in which others than Anthropic serve its Messages: AWS Bedrock and Vertex AI. Pure.

The model stands in the path, the version of the API in the body. Bedrock is told in the path too
whether to stream, and in the body what else the header fields say.

https://docs.claude.com/en/api/claude-on-amazon-bedrock
https://docs.claude.com/en/api/claude-on-vertex-ai
"""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms import bedrock_errors, gemini_errors, messages_errors
from gateway.forms.asked import unsupported
from gateway.forms.event_stream import MEDIA
from gateway.forms.http import segment_of
from gateway.words.call import COUNT_TOKENS, Call, UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import BadRequest, GatewayError
from gateway.words.target import Target

BEDROCK: Final = "bedrock"

BEDROCK_VERSION: Final = "bedrock-2023-05-31"
VERTEX_VERSION: Final = "vertex-2023-10-16"

_CHAT = "chat"
_BETA: Final = b"anthropic-beta"
_JSON: Final = "application/json"


class _Error(msgspec.Struct, gc=False):
    status: str = ""


class _Body(msgspec.Struct, gc=False):
    """An error of Google's; Anthropic's own has a type, and no status in it."""

    error: _Error
    type: str = ""


_encode = msgspec.json.Encoder().encode
_decode_error = msgspec.json.Decoder(_Body | list[_Body]).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode

Fields = dict[str, Raw]


def in_dialect(request: UpstreamRequest, call: Call, target: Target) -> UpstreamRequest:
    """Return a request to Messages as a target of a dialect takes it.

    Raises `Unsupported` for an operation that it has not, and `BadRequest`.
    """
    assert isinstance(request.body, bytes), "it was written a moment ago"
    try:
        fields = _decode_fields(request.body)
    except RecursionError:
        raise BadRequest("The request is nested too deeply.") from None
    tell = _for_bedrock if target.dialect == BEDROCK else _for_vertex
    return tell(request, fields, call, target.model)


def _for_vertex(
    request: UpstreamRequest, fields: Fields, call: Call, model: str
) -> UpstreamRequest:
    verb = "streamRawPredict" if call.stream else "rawPredict"
    path = f"/count-tokens:{verb}"
    if call.operation != COUNT_TOKENS:
        fields.pop("model", None)
        path = f"/{segment_of(model)}:{verb}"
    body = _encode({"anthropic_version": VERTEX_VERSION, **fields})
    return msgspec.structs.replace(request, path=path, body=body)


def _for_bedrock(
    request: UpstreamRequest, fields: Fields, call: Call, model: str
) -> UpstreamRequest:
    if call.operation != _CHAT:
        raise unsupported("model", f"This model's provider is not asked for {call.operation!r}.")
    told: dict[str, object] = {"anthropic_version": BEDROCK_VERSION, **fields}
    for name in ("model", "stream"):
        told.pop(name, None)
    betas = [value for name, value in request.headers if name == _BETA]
    words = [word.strip() for value in betas for word in value.decode("latin-1").split(",")]
    if words := [word for word in words if word]:
        told["anthropic_beta"] = words
    verb, accept = ("invoke-with-response-stream", MEDIA) if call.stream else ("invoke", _JSON)
    kept = [(name, value) for name, value in request.headers if name not in {_BETA, b"accept"}]
    return msgspec.structs.replace(
        request,
        path=f"/model/{segment_of(model)}/{verb}",
        headers=(*kept, (b"accept", accept.encode())),
        body=_encode(told),
    )


def read_error(status: int, headers: tuple[Header, ...], body: bytes) -> GatewayError:
    """Read a provider's error answer, told by Anthropic or by whoever stands before it."""
    if bedrock_errors.ERROR_TYPE in dict(headers):
        return bedrock_errors.read_error(status, headers, body)
    read = gemini_errors.read_error if _is_of_google(body) else messages_errors.read_error
    return read(status, headers, body)


def _is_of_google(body: bytes) -> bool:
    try:
        told = _decode_error(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    first = told[0] if isinstance(told, list) and told else told
    return isinstance(first, _Body) and not first.type and bool(first.error.status)
