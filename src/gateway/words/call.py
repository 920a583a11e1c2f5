"""One request as the client meant it, and the request that a provider is sent for it."""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.words.body import Body, LongBody, Span
from gateway.words.client import Header

COUNT_TOKENS: Final = "count_tokens"
COUNT_INPUT: Final = "count_input"
"""The operations that only count a prompt: Anthropic's, and that of Responses."""


class Upload(msgspec.Struct, frozen=True):
    """A form with files, as it came. `model` is where the part of that name stands."""

    boundary: bytes
    body: bytes | Span
    model: tuple[int, int] | None = None


class Call(msgspec.Struct, frozen=True):
    """A request that has been read: its fields keep their own bytes, so nothing unknown is lost.

    `fields` are those of the common form, or the operation's own where it has but one form.
    `show_usage` is False where the gateway asks for usage of its own accord and hides it again.
    `native` holds the client's own fields where it spoke another form than the common one, and
    `passed` the header fields that belong to them: a target of the same form is told both as they
    came. `beyond` are what of the client's own fields the common form cannot tell, each by its name
    and a sentence why. `continues` are the ids of what a provider keeps and the call goes on from:
    nobody else can answer it. With `upload` it came as a form with files, of which `fields` are
    those that the house reads.
    """

    form: str
    operation: str
    model: str
    stream: bool
    show_usage: bool
    fields: dict[str, Raw]
    native: dict[str, Raw] | None = None
    passed: tuple[Header, ...] = ()
    beyond: tuple[tuple[str, str], ...] = ()
    continues: tuple[str, ...] = ()
    upload: Upload | None = None

    def as_common(self) -> "Call":
        """Return the same request for those alone who are asked in the common form."""
        if self.native is None:
            return self
        return msgspec.structs.replace(self, form="common", passed=())

    def for_model(self, model: str) -> "Call":
        """Return the same request as if it had been made for another model."""
        told = {"model": Raw(msgspec.json.encode(model))}
        native = None if self.native is None else {**self.native, **told}
        fields = {**self.fields, **told}
        return msgspec.structs.replace(self, model=model, fields=fields, native=native)


class UpstreamRequest(msgspec.Struct, frozen=True):
    """What is sent to a provider. `path` follows the target's own path; the body is replayable.

    `dropped` names the fields of the call that this provider cannot be told, where the operator
    lets them go. `long_body` is sent in place of the body, where there is one.
    """

    method: str
    path: str
    headers: tuple[Header, ...]
    body: bytes
    dropped: tuple[str, ...] = ()
    long_body: LongBody | None = None


def request_of(method: str, path: str, headers: tuple[Header, ...], body: Body) -> UpstreamRequest:
    """Return a request with a body that may be long."""
    if isinstance(body, LongBody):
        return UpstreamRequest(method, path, headers, b"", long_body=body)
    return UpstreamRequest(method, path, headers, body)
