"""Has a provider go on from the beginning of an answer, which is given as its own last words. Pure.

Only for targets that are declared to take it: another answers as if it had been spoken to.
"""

from typing import Any

import msgspec
from msgspec import Raw

from gateway.forms.chat_resume import PROBE_CHARS
from gateway.words.call import Call

MAX_PREFILLED_OBJECTS = 65_536
"""Objects of the messages; who said the last of more is not looked for."""


class _Speaker(msgspec.Struct, gc=False):
    role: Any = None


_encode = msgspec.json.Encoder().encode
_decode_speakers = msgspec.json.Decoder(list[_Speaker]).decode


def fit_for_prefill(call: Call, text: str) -> bool:
    """Say whether a provider may be asked to go on behind this text.

    It must be long enough, and must not begin a second time within itself: an answer that goes on
    could not be told from one that began anew. A call that ends in an assistant's words of the
    client's own has no place for more of them.
    """
    if len(text) < PROBE_CHARS or text.find(text[:PROBE_CHARS], 1) >= 0:
        return False
    messages = call.fields["messages"]
    if bytes(messages).count(b"{") > MAX_PREFILLED_OBJECTS:
        return False
    try:
        return bool(_decode_speakers(messages)[-1].role != "assistant")
    except (msgspec.DecodeError, RecursionError):
        return False


def with_prefill(call: Call, text: str) -> Call:
    """Return the call with a last message that holds the beginning of its answer."""
    before, _, _ = bytes(call.fields["messages"]).rpartition(b"]")
    beginning = _encode({"role": "assistant", "content": text})
    messages = Raw(b"%b,%b]" % (before, beginning))
    return msgspec.structs.replace(call, fields={**call.fields, "messages": messages})
