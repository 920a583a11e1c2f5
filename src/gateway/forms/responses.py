"""OpenAI's Responses: what clients speak, and providers that speak it too. Pure.

The six names of a form (see `forms/__init__.py`). A client's request is told as a chat completion,
and the answer told back, unless its target speaks this form: then both pass as they are.
"""

from gateway.forms.chat import read_error, write_error
from gateway.forms.responses_native import AnswerReader, write_request
from gateway.forms.responses_read import read_request
from gateway.forms.responses_write import AnswerWriter

__all__ = [
    "AnswerReader",
    "AnswerWriter",
    "read_error",
    "read_request",
    "write_error",
    "write_request",
]
