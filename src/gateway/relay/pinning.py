"""Calls that go on from what a provider keeps: whom they may be asked of, and what is kept since.

A response belongs to the caller that asked for it, and nobody but the provider that keeps it can go
on from it. What is another's and what nobody knows are told in the same words (API1).
"""

from dataclasses import replace
from typing import Final

from gateway.forms import Reader
from gateway.forms.responses import AnswerReader
from gateway.relay.errand import Errand
from gateway.relay.house import House
from gateway.relay.scope import scope_of
from gateway.words.call import Call
from gateway.words.caller import Caller
from gateway.words.errors import BadRequest, UnknownResponse
from gateway.words.target import Plan, Target

KIND: Final = "response"
_MOST: Final = 100
"""Characters of an id that are told."""


async def keeper_of(call: Call, caller: Caller, house: House) -> str | None:
    """Return the provider that alone can answer a call; None where anybody may.

    Raises `UnknownResponse`, `BadRequest` where no one provider keeps all that is needed, `Busy`.
    """
    providers = set()
    for kept in call.continues:
        owned = await house.objects.owner_of(kept)
        if owned is None or owned.scope != scope_of(caller):
            raise UnknownResponse(
                f"{kept[:_MOST]!r} is not known here, or not yours. Nothing is kept of what the"
                " gateway has translated: send the whole conversation as 'input'.",
                param=_name_of(call, kept),
            )
        providers.add(owned.provider)
    if len(providers) > 1:
        raise BadRequest("What this request goes on from is kept by different providers.")
    return providers.pop() if providers else None


def pinned(plan: Plan, keeper: str | None, call: Call) -> Plan:
    """Return the plan with those targets alone that can answer. Raises `BadRequest`."""
    if keeper is None:
        return plan

    def left(targets: tuple[Target, ...]) -> tuple[Target, ...]:
        return tuple(
            target for target in targets if target.provider == keeper and target.speaks(call.form)
        )

    targets = left(plan.targets)
    if not targets:
        raise BadRequest(
            "What this request goes on from is kept by a provider that does not offer"
            f" {call.model!r}.",
            param="model",
        )
    own = max(1, len(left(plan.targets[: plan.own])))
    return replace(plan, targets=targets, own=own, context_targets=left(plan.context_targets))


async def note_kept(reader: Reader, target: Target, errand: Errand) -> None:
    """Note whose a response is, before its caller has heard of it."""
    if isinstance(reader, AnswerReader) and reader.kept is not None:
        scope = scope_of(errand.receipt.caller)
        await errand.house.objects.claim(KIND, (reader.kept,), target.provider, scope)


def _name_of(call: Call, kept: str) -> str:
    previous = (call.native or {}).get("previous_response_id", b"")
    return "previous_response_id" if kept.encode() in bytes(previous) else "conversation"
