"""The forms by name, each module checked against the contract of the half that it has."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.forms import (
    DownstreamForm,
    UpstreamForm,
    bedrock,
    chat,
    cohere,
    gemini,
    messages,
    ollama,
    raw,
    responses,
)
from gateway.forms.asked import unsupported
from gateway.words.call import Call, UpstreamRequest
from gateway.words.target import Target

UPSTREAM_FORMS: Final[Mapping[str, UpstreamForm]] = {
    "chat": chat,
    "messages": messages,
    "gemini": gemini,
    "bedrock": bedrock,
    "cohere": cohere,
    "ollama": ollama,
    "raw": raw,
    "responses": responses,
}
"""What providers speak."""

DOWNSTREAM_FORMS: Final[Mapping[str, DownstreamForm]] = {
    "chat": chat,
    "messages": messages,
    "raw": raw,
    "responses": responses,
}
"""What clients speak."""


def upstream_form(call: Call, target: Target) -> UpstreamForm:
    """Return the form in which a target is asked a call: the call's own, where it speaks that."""
    form = call.form
    own = form == target.form or target.speaks(form)
    return UPSTREAM_FORMS[form if own else target.form]


def write_request(form: UpstreamForm, call: Call, target: Target) -> UpstreamRequest:
    """Write a call in the form in which its target is asked, as `upstream_form` says.

    Raises `Unsupported`, also for what was lost on the way to the common form and this target is
    not to do without.
    """
    beyond = call.beyond if call.beyond and not target.speaks(call.form) else ()
    if beyond and not target.drops:
        raise unsupported(*beyond[0])
    request = form.write_request(call, target)
    if not beyond:
        return request
    names = tuple(name for name, _ in beyond)
    return msgspec.structs.replace(request, dropped=(*names, *request.dropped))
