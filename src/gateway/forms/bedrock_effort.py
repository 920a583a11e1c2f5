"""How models of several families on AWS Bedrock are told how much to think. Pure.

Claude is told as anywhere else; for the others see:
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.forms.bedrock_families import Family, family_of
from gateway.forms.claude import BUDGETS, EFFORTS, LEAST_BUDGET, thinks_by_budget

Fields = dict[str, Any]

NOVA: Final = {"minimal": "low", "low": "low", "medium": "medium", "high": "high"}
OSS: Final = {"low": "low", "medium": "medium", "high": "high"}
GPT: Final = {"none": "none", **EFFORTS}
"""What each family is told for each `reasoning_effort` that it knows."""

ROOM: Final = 8192
"""Tokens for words beside the thoughts, where nobody says how many there may be."""

_NONE: Final = "none"
_NOVA_THINKS: Final = "nova-2"
_EXTRA: Final = "additionalModelRequestFields"


def write_effort(effort: str, body: Fields, model: str, room: int | None) -> str | None:
    """Tell a model its effort; return why that cannot be done, else None.

    `room` is how many tokens the client allows. With `none` most models are told nothing, since
    they think only where they are told to.
    """
    family = family_of(model)
    if effort == _NONE and family is not Family.GPT:
        return None
    known: Mapping[str, str]
    told: Fields
    match family:
        case Family.CLAUDE if thinks_by_budget(model):
            refusal = _unknown(effort, BUDGETS)
            return refusal or _write_budget(BUDGETS[effort], body, room)
        case Family.CLAUDE:
            known, told = EFFORTS, {"thinking": {"type": "adaptive"}}
        case Family.NOVA if _NOVA_THINKS in model:
            known = NOVA
            how = {"type": "enabled", "maxReasoningEffort": NOVA.get(effort)}
            told = {"reasoningConfig": how}
        case Family.OSS:
            known, told = OSS, {"reasoning_effort": effort}
        case Family.GPT:
            known, told = GPT, {"reasoning": {"effort": GPT.get(effort)}}
        case _:
            return "'reasoning_effort' has no counterpart with this model."
    if (refusal := _unknown(effort, known)) is not None:
        return refusal
    body.setdefault(_EXTRA, {}).update(told)
    if family is Family.CLAUDE:
        body.setdefault("outputConfig", {})["effort"] = EFFORTS[effort]
    return None


def _write_budget(budget: int, body: Fields, room: int | None) -> str | None:
    """Let the model think for so many tokens, for which there must be room; else say why not.

    Where the client has said how many tokens there may be, at most half of them are for thoughts;
    where it has not, the thoughts come on top.
    """
    sampling: Fields = body.get("inferenceConfig", {})
    if "temperature" in sampling:
        return "'reasoning_effort' cannot be set beside a 'temperature' other than 1."
    choice = body.get("toolConfig", {}).get("toolChoice", {})
    if choice and "auto" not in choice:
        return "'reasoning_effort' cannot be set where 'tool_choice' demands a tool."
    if room is None:
        body["inferenceConfig"] = {**sampling, "maxTokens": ROOM + budget}
    elif room < 2 * LEAST_BUDGET:
        return f"'reasoning_effort' wants room for {2 * LEAST_BUDGET} tokens or more."
    else:
        budget = min(budget, room // 2)
    thinking = {"type": "enabled", "budget_tokens": budget}
    body.setdefault(_EXTRA, {})["thinking"] = thinking
    return None


def _unknown(effort: str, known: Mapping[str, object]) -> str | None:
    if effort in known:
        return None
    efforts = dict.fromkeys((_NONE, *known))
    return f"'reasoning_effort' must be {', '.join(efforts)}."
