"""Shows values of a source in remarks: whatever could be a secret stays out (R11)."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.config.lines import Key
from gateway.config.mistakes import dotted

REFERENCE: Final = re.compile(r"os\.environ/(?P<name>[A-Za-z_][A-Za-z0-9_]{0,127})")
"""How LiteLLM writes that a value stands in the environment."""

LONGEST: Final = 60
HIDDEN: Final = "…"

_TELLING: Final = re.compile(
    r"secret|passw|credential|authoriz|cookie|(?:^|_|-)(?:key|token|pin|code|auth|pass)$|api_?key",
    re.IGNORECASE,
)
_OPEN: Final = frozenset(
    {
        *("mode", "type", "guardrail", "guardrail_name", "routing_strategy", "callbacks", "role"),
        *("success_callback", "failure_callback", "service_callbacks", "alerting", "cache"),
        *("custom_llm_provider", "team_id", "path", "tags", "base_model", "model", "provider"),
        *(
            "supported_call_types",
            "region_name",
            "id",
            "key_management_system",
            "then",
            "default",
            "query",
        ),
    }
)
"""Keys whose texts are names of something."""

_HOLDING: Final = re.compile(
    r"^(?!database_)(?:allowed_(?!fails)|.*(?:limit|budget|guardrail|policies|enforce|block"
    r"|restrict|banned|parallel))",
    re.IGNORECASE,
)
"""LiteLLM keeps limits of single models and guardrails of a key where others keep notes."""

_NAME: Final = re.compile(r"[A-Za-z0-9_./*: -]*")
_LIKE_A_KEY: Final = re.compile(r"^(?:sk|pk|rk|xai|gsk|hf|ghp|AKIA)[-_]?|[A-Za-z0-9_+/=-]{32,}")


def is_telling(name: str) -> bool:
    """Say whether what stands under a key of this name is a secret, most likely."""
    return _TELLING.search(name) is not None


def is_holding(name: str) -> bool:
    """Say whether what is called so holds somebody back, most likely: `max_budget`, `rpm_limit`."""
    return _HOLDING.match(name) is not None


def plain(text: str) -> str:
    """Return a text that can command no terminal and break no line."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def is_like_a_key(text: str) -> bool:
    """Say whether a text could be a secret, by its looks."""
    return _LIKE_A_KEY.search(text) is not None


def shown(value: object, path: Key) -> str:
    """Show a value with all that it holds, each with its key; a secret's place alone."""
    return ", ".join(_lines(value, (), next((p for p in reversed(path) if isinstance(p, str)), "")))


def _lines(value: object, path: Key, name: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _lines(part, (*path, key), key)
    elif isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        for index, part in enumerate(value):
            yield from _lines(part, (*path, index), name)
    elif value is not None or path:
        said = _shown(value, name)
        yield f"{dotted(path)} = {said}" if path else said


def _shown(value: object, name: str) -> str:
    match value:
        case None:
            return "null"
        case str() if REFERENCE.fullmatch(value):
            return value
        case _ if is_telling(name):
            return HIDDEN
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case list():
            return "[" + ", ".join(_shown(part, name) for part in value) + "]"
        case str() if _is_open(value, name):
            return f'"{value}"'
        case dict():
            return "{}"
        case _:
            return HIDDEN


def _is_open(value: str, name: str) -> bool:
    if name not in _OPEN or len(value) > LONGEST:
        return False
    return _NAME.fullmatch(value) is not None and not is_like_a_key(value)
