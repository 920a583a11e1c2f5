"""Reads errors of Ollama's API, before an answer and inside its stream. Pure.

It tells a sentence and nothing else: the code that routing and clients know is put there by it.

https://docs.ollama.com/api/errors
"""

import re
from typing import Final

from gateway.forms import chat
from gateway.forms.chat_errors import fault_of, told_by
from gateway.words.answer import Fault
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamRefused

_MOST: Final = 2000

_CODES: Final = (
    (re.compile(r"prompt too long|exceeds (?:the|maximum) context length|context length exceeded"),
     "context_length_exceeded"),
    (re.compile(r"^model .{1,300} not found|try pulling it first"), "model_not_found"),
    (re.compile(r"does not support "), "unsupported_parameter"),
    (re.compile(r"server busy|maximum pending requests"), "overloaded"),
)  # fmt: skip
"""What a sentence is about, in small letters."""


def read_error(status: int, headers: tuple[Header, ...], body: bytes) -> GatewayError:
    """Read a provider's error answer; the caller bounds the body."""
    error = chat.read_error(status, headers, body)
    if isinstance(error, UpstreamRefused):
        error.code = error.code or _code_of(error.message)
    return error


def fault_in(error: object) -> Fault:
    """Read an error that is told in a stream, or in place of an answer."""
    fault = fault_of(told_by({"error": error}))
    return Fault(fault.message, fault.type, fault.code or _code_of(fault.message))


def _code_of(message: str) -> str | None:
    said = message[:_MOST].lower()
    return next((code for pattern, code in _CODES if pattern.search(said)), None)
