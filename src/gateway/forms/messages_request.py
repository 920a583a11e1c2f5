"""Writes a chat completion's request for Anthropic's Messages API. Pure.

Every field is translated, or known to change nothing that the provider would say, or refused by its
name: nothing is left out in silence.

https://docs.claude.com/en/api/messages
"""

from functools import partial
from typing import Any

import msgspec

from gateway.forms.asked import Asked, is_flag, is_number, is_positive, is_stop, is_text, or_reason
from gateway.forms.chat_request import Chosen, Shape, Text, Tool, check_no_tool, is_choice, room_in
from gateway.forms.claude import BUDGETS, EFFORTS, LEAST_BUDGET, thinks_by_budget
from gateway.forms.messages_build import FORMAT
from gateway.forms.messages_turns import turns_of
from gateway.words.call import Call
from gateway.words.target import Target

Fields = dict[str, object]
Refusal = tuple[str, str]
"""The name of a field, and why the provider cannot be told it."""


class _Tool(Tool, gc=False):
    cache_control: dict[str, Any] | None = None


_encode = msgspec.json.Encoder().encode
_is_tools = msgspec.json.Decoder(list[_Tool]).decode
_is_shape = msgspec.json.Decoder(Text | Shape).decode


def body_of(call: Call, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """Write the body of the request for a target; name the fields that it cannot be told.

    Raises `BadRequest` or `Unsupported` with the field's name.
    """
    asked = Asked(call.fields, drops=target.drops)
    found = turns_of(call.fields["messages"], FORMAT)
    body: Fields = {"model": target.model, "messages": found.turns}
    if found.system:
        body["system"] = found.system
    room = room_in(asked)
    body["max_tokens"] = room or target.max_tokens
    _write_sampling(asked, body)
    _write_tools(asked, body)
    _write_shape(asked, body)
    _write_effort(asked, body, target, room)
    if call.stream:
        body["stream"] = True
    return _encode(body), asked.settle()


def _write_sampling(asked: Asked, body: Fields) -> None:
    """Translate what steers the words. A 1 is left out: it says nothing, and newer models want no
    such field at all; they refuse any other value with words of their own.
    """
    temperature = asked.take("temperature", is_number)
    if temperature is not None and not 0 <= temperature <= 1:
        asked.cannot("temperature", "'temperature' must be from 0 to 1 for this model.")
        temperature = None
    top_p, top_k = asked.take("top_p", is_number), asked.take("top_k", is_positive)
    if temperature not in {None, 1}:
        body["temperature"] = temperature
    if top_p not in {None, 1}:
        body["top_p"] = top_p
    if top_k is not None:
        body["top_k"] = top_k
    stop = asked.take("stop", is_stop)
    user = asked.take("user", is_text)
    user = asked.take("safety_identifier", is_text) or user
    if stop:
        body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if user:
        body["metadata"] = {"user_id": user}


def _write_tools(asked: Asked, body: Fields) -> None:
    tools = asked.take("tools", _is_tools)
    choice = asked.take("tool_choice", is_choice)
    parallel = asked.take("parallel_tool_calls", is_flag)
    if not tools:
        check_no_tool(choice)
        return
    body["tools"] = [_tool(tool) for tool in tools]
    chosen = _choice(choice)
    if parallel is False and chosen["type"] != "none":
        chosen["disable_parallel_tool_use"] = True
    if choice is not None or len(chosen) > 1:
        body["tool_choice"] = chosen


def _tool(tool: _Tool) -> Fields:
    """Return a tool; its schema is of an object, which the provider wants to be said."""
    function = tool.function
    written: Fields = {"name": function.name}
    if function.description is not None:
        written["description"] = function.description
    written["input_schema"] = {"type": "object", **(function.parameters or {})}
    if function.strict:
        written["strict"] = True
    if tool.cache_control is not None:
        written["cache_control"] = tool.cache_control
    return written


def _choice(choice: Chosen | str | None) -> Fields:
    if isinstance(choice, Chosen):
        return {"type": "tool", "name": choice.function.name}
    return {"type": "any" if choice == "required" else choice or "auto"}


def _write_shape(asked: Asked, body: Fields) -> None:
    """Translate a JSON schema; that there be JSON of any shape the provider cannot be told."""
    shape = asked.take("response_format", partial(or_reason, _is_shape))
    if isinstance(shape, str):
        asked.cannot(
            "response_format", f"'response_format' must be 'text' or 'json_schema': {shape}."
        )
    elif isinstance(shape, Shape):
        form = {"type": "json_schema", "schema": shape.json_schema.schema}
        body["output_config"] = {"format": form}


def _write_effort(asked: Asked, body: Fields, target: Target, room: int | None) -> None:
    """Translate the effort as the model understands it; of `none` it is told nothing."""
    effort = asked.take("reasoning_effort", is_text)
    if effort is None or effort == "none":
        return
    by_budget = thinks_by_budget(target.model)
    known = BUDGETS if by_budget else EFFORTS
    if effort not in known:
        efforts = ", ".join(known)
        asked.cannot("reasoning_effort", f"'reasoning_effort' must be none, {efforts}.")
        return
    if by_budget:
        refusal = _write_budget(BUDGETS[effort], body, target.max_tokens, room)
        if refusal is not None:
            asked.cannot(*refusal)
        return
    told = body.get("output_config")
    body["thinking"] = {"type": "adaptive"}
    body["output_config"] = {**(told if isinstance(told, dict) else {}), "effort": EFFORTS[effort]}


def _write_budget(budget: int, body: Fields, most: int, room: int | None) -> Refusal | None:
    """Let the model think for so many tokens, for which there must be room; else say why not.

    Where the client has said how many tokens there may be, at most half of them are for thoughts;
    where it has not, the thoughts come on top.
    """
    name = "reasoning_effort"
    if "temperature" in body:
        return name, "'reasoning_effort' cannot be set beside a 'temperature' other than 1."
    chosen = body.get("tool_choice")
    if isinstance(chosen, dict) and chosen["type"] in {"any", "tool"}:
        return name, "'reasoning_effort' cannot be set where 'tool_choice' demands a tool."
    if room is None:
        body["max_tokens"] = most + budget
    elif room < 2 * LEAST_BUDGET:
        return name, f"'reasoning_effort' wants room for {2 * LEAST_BUDGET} tokens or more."
    else:
        budget = min(budget, room // 2)
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return None
